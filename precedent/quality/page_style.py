"""The look of a report's page: light or dark as the reader's system is, and printable."""

STYLE = """
:root{color-scheme:light dark;--paper:#fff;--card:#f8fafc;--ink:#111827;--quiet:#5b6472;--line:#dfe4ea;
--good:#047857;--bad:#c81e1e;--unknown:#6b7280;--s0:#2563eb;--s1:#c2700a;--s2:#059669;--s3:#be185d;--s4:#6b7280}
@media (prefers-color-scheme:dark){:root{--paper:#0f141b;--card:#171e27;--ink:#e6e9ee;--quiet:#9aa5b4;--line:#2a3441;
--good:#34d399;--bad:#f87171;--unknown:#9ca3af;--s0:#60a5fa;--s1:#f59e0b;--s2:#34d399;--s3:#f472b6;--s4:#9ca3af}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 24px 48px}
h1{font-size:24px;margin:0 0 2px;overflow-wrap:anywhere}
h2{font-size:17px;margin:34px 0 10px}h3{font-size:14px;margin:0 0 8px}
p{margin:0 0 8px}.quiet,.axis{color:var(--quiet)}.axis{font-size:12px;text-align:center;margin:2px 0 0}
header{display:flex;gap:24px;align-items:flex-start;justify-content:space-between;flex-wrap:wrap}
header>div:first-child{flex:1 1 460px}
.score{text-align:right}.score b{font-size:44px;line-height:1;font-variant-numeric:tabular-nums}
.verdict{font-weight:600;border-left:4px solid var(--good);background:var(--card);padding:10px 14px;margin:18px 0 0;
border-radius:0 6px 6px 0}.verdict.failed{border-color:var(--bad)}.verdict p{margin:0;font-weight:400}
.notice{background:var(--card);border-left:4px solid var(--s1);padding:8px 14px;margin:10px 0 0;
border-radius:0 6px 6px 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 14px;min-width:0}
.card .name{color:var(--quiet);font-size:13px}
.card .value{font-size:23px;font-weight:650;font-variant-numeric:tabular-nums}
.change{font-size:13px;color:var(--quiet);font-weight:400;margin-left:8px}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(300px,1fr));gap:14px}
svg{display:block;width:100%;height:auto}.spark{max-width:260px;margin-top:4px}
.spark polyline{fill:none;stroke:var(--s0);stroke-width:1.6}.spark circle{fill:var(--s0)}
.bars rect{fill:var(--s0)}.grid line{stroke:var(--line)}.grid text{fill:var(--quiet);font-size:11px}
.dots circle{fill-opacity:.6}.s0{fill:var(--s0)}.s1{fill:var(--s1)}.s2{fill:var(--s2)}.s3{fill:var(--s3)}
.s4{fill:var(--s4)}
.legend{list-style:none;margin:6px 0 0;padding:0;display:flex;flex-wrap:wrap;gap:4px 14px;font-size:12px;
color:var(--quiet)}.legend span{display:inline-block;width:9px;height:9px;border-radius:50%;margin-right:5px}
.legend .s0{background:var(--s0)}.legend .s1{background:var(--s1)}.legend .s2{background:var(--s2)}
.legend .s3{background:var(--s3)}.legend .s4{background:var(--s4)}
.table{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;padding:7px 6px 7px 8px;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--quiet);font-weight:600;font-size:13px}
.gates td:last-child{min-width:300px;padding-left:18px}.gates th:last-child{padding-left:18px}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td small{color:var(--quiet);display:block;font-size:13px}td.name{white-space:nowrap;font-weight:600}
.word.passed,.score .passed{color:var(--good)}.word.failed,.score .failed{color:var(--bad)}
.word.unknown{color:var(--unknown)}
.word{font-weight:600;white-space:nowrap}tr.failed td{background:color-mix(in srgb,var(--bad) 9%,transparent)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 16px;margin:0;font-size:14px}dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}footer{margin-top:34px;color:var(--quiet);font-size:13px}
@media (max-width:560px){.score{text-align:left}td.name{white-space:normal;min-width:104px}}
@media print{main{max-width:none;padding:0}.card,tr{break-inside:avoid}}
"""
