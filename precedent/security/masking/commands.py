"""Secrets in the arguments of commands and statements, where no name stands before them."""

import re
from collections.abc import Iterator

from precedent.security.masking.values import is_mixed, is_word

# How far behind a command its password may stand; a line of a script is shorter.
REACH = r"[^\n|;&]{0,200}?"
VALUE = r"(?:'(?P<single>[^'\n]{1,200})'|\"(?P<double>[^\"\n]{1,200})\"|(?P<bare>[^\s'\"|;&]{1,200}))"
PATTERNS = tuple(
    re.compile(pattern + VALUE)
    for pattern in (
        rf"\b(?:mysql|mysqldump|mysqladmin|mysqlimport|mysqlsh|mariadb|mariadb-dump|mariadb-admin)\b{REACH}[ \t]-p",
        r"\bsshpass[ \t]{1,4}-p[ \t]{0,4}",
        rf"\b(?:redis-cli|valkey-cli)\b{REACH}[ \t]-a[ \t]{{1,4}}",
        rf"\b(?:docker|podman|helm registry|buildah|skopeo|az|oc)[ \t]{{1,4}}login\b{REACH}[ \t]-p[ \t]{{1,4}}",
        r"\b(?:mongo|mongosh|mongodump|mongorestore|cqlsh|sqlcmd|ldapsearch|ldapadd|ldapmodify|bcp)\b"
        rf"{REACH}[ \t]-[pPw][ \t]{{0,4}}",
        rf"\b(?:curl|wget|http|https)\b{REACH}[ \t](?:-u|--user|--proxy-user|-a|--auth)[ \t=]{{0,4}}[\"']?"
        r"[\w.@%+-]{0,64}:",
        rf"\bopenssl\b{REACH}[ \t]-pass(?:in|out)?[ \t]{{1,4}}pass:",
        r"(?i)\bidentified[ \t]{1,4}(?:with[ \t]{1,4}\S{1,40}[ \t]{1,4})?by[ \t]{1,4}(?:password[ \t]{1,4})?(?=['\"])",
        r"(?i)\bpassword[ \t]{1,4}(?=['])",
        r"(?i)\blogin[ \t]{1,4}\S{1,64}[ \t]{1,4}password[ \t]{1,4}",
        r"(?m)^[ \t]{0,20}(?:requirepass|masterauth|bindpw|rootpw|snmp-server community)[ \t]{1,4}",
        r"\b(?:password|secret)[ \t]{1,4}[0-9][ \t]{1,4}(?=\S{6})",
        r"\becho[ \t]{1,4}(?:-n[ \t]{1,4})?"
        r"(?=[^\n|]{1,80}\|[^\n|]{0,80}(?:--password-stdin|--with-token|\bchpasswd\b|\bsudo -S))",
    )
)

# A user and a password as the arguments of a function.
CALL = re.compile(
    r"(?i)(?:auth|login|credentials?|connection|connect)\w{0,12}[ =]{0,3}\([^()\"'\n]{0,80}"
    r"[\"'][^\"'\n]{1,100}[\"'],[ \t]{0,4}[\"'](?P<value>[^\"'\n]{6,200})[\"']"
)


def commands(text: str) -> Iterator[tuple[int, int]]:
    """Places of passwords in commands."""
    for pattern in PATTERNS:
        for found in pattern.finditer(text):
            group = next(name for name in ("single", "double", "bare") if found[name])
            if not is_word(found[group]):
                yield found.span(group)
    for found in CALL.finditer(text):
        if is_mixed(found["value"]) and not is_word(found["value"]):
            yield found.span("value")
