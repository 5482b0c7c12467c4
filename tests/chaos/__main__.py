"""`python -m tests.chaos [--rounds N] [--seed N] [--round N] [--without-up] [--json]`."""

import argparse
import json
import random
import signal
import sys
import time
from collections import Counter
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from tests.chaos.campaign import Campaign, Result
from tests.chaos.installation import Installation
from tests.chaos.plan import Stage, Victim, plan


def main() -> int:
    """Run, print, and say by the exit code whether there was a finding."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Kill what runs, and compare what is left."
    )
    parser.add_argument("--rounds", type=int, default=20, help="how many; 20 by default")
    parser.add_argument("--seed", type=int, help="which; printed, and another one each time by default")
    parser.add_argument("--round", type=int, help="only this one of them")
    parser.add_argument("--without-up", action="store_true", help="leave out what is killed under `up`")
    parser.add_argument("--json", action="store_true", help="print one JSON document at the end")
    options = parser.parse_args()
    # Also where a shell has started it in the background, and ignores interrupts: nothing is to be left.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    seed = random.randrange(10**6) if options.seed is None else options.seed  # noqa: S311 - it is printed
    rounds = plan(max(options.rounds, options.round or 0), seed, with_up=not options.without_up)
    if options.round is not None:
        rounds = [one for one in rounds if one.number == options.round]

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    say(f"{len(rounds)} rounds of seed {seed}.")
    began, results = time.monotonic(), []
    with Installation.running() as site:
        for done, result in enumerate(Campaign(site, say).run(rounds), start=1):
            results.append(result)
            say(_line(result, done, len(rounds), seed, time.monotonic() - began))
    failed = [result for result in results if result.findings]
    if options.json:
        print(json.dumps({"seed": seed, "seconds": time.monotonic() - began, "rounds": [asdict(x) for x in results]}))
    else:
        _print(results, seed, time.monotonic() - began)
    return 1 if failed else 0


def _line(result: Result, done: int, total: int, seed: int, seconds: float) -> str:
    one = result.round
    left = seconds / done * (total - done)
    text = (
        f"{done} of {total}: round {one.number}, {one.case.kind}, {one.case.stage.label} at {one.share:.2f}, "
        f"{result.killed}, {result.reruns} reruns, {result.seconds:.1f} s (about {left:.0f} s left)"
    )
    for finding in result.findings:
        text += f"\n  {finding}"
    if result.findings:
        text += f"\n  again: python -m tests.chaos --seed {seed} --round {one.number}"
    return text


def _print(results: list[Result], seed: int, seconds: float) -> None:
    kills = Counter((result.round.case.victim, result.round.case.stage) for result in results)
    table = Table(title=f"Kills by victim and stage; seed {seed}", title_justify="left")
    table.add_column("victim")
    for stage in Stage:
        table.add_column(stage.label, justify="right")
    for victim in Victim:
        if any(kills[victim, stage] for stage in Stage):
            table.add_row(victim, *(str(kills[victim, stage] or "") for stage in Stage))
    console = Console(width=150)
    console.print(table)
    failed = [result for result in results if result.findings]
    console.print(
        f"{len(results)} rounds in {seconds:.0f} s, {sum(result.met for result in results)} met their stage, "
        f"{len(failed)} with findings; {sum(result.unbooked for result in results)} answers were met between charge "
        f"and ledger, {sum(result.again for result in results)} texts under way were paid for again."
    )


if __name__ == "__main__":
    sys.exit(main())
