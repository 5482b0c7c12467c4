"""Rounds of chaos: kill something while a source is brought up to date, let the platform go on, and compare."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from precedent.incidents import repository
from precedent.sources.repository import SourceRow
from precedent.sources.status import statuses
from tests.chaos import accounts
from tests.chaos.accounts import Account
from tests.chaos.attack import strike
from tests.chaos.comparison import Content, content, data_versions, differences
from tests.chaos.installation import Installation, kill_group, wait_for
from tests.chaos.leftovers import leftovers
from tests.chaos.plan import CRASHES, OF_UP, SERVERS, Round, Stage
from tests.chaos.progress import Span, spans, wait_for_stage
from tests.chaos.servers import read_log
from tests.chaos.speech import badly_said
from tests.chaos.up import Up

REFRESH_S = 120.0
# A killed server is back before the second, and a breaker's pause is over before the third.
RERUNS = 4
KINDS = ("files", "store", "live")


@dataclass(slots=True)
class Reference:
    """What an undisturbed source ends with, and when each stage was under way."""

    content: Content
    versions: dict[str, str]
    account: Account
    spans: dict[Stage, Span]


@dataclass(slots=True)
class Result:
    """What a round has shown.

    Attributes:
        round: The round.
        killed: What was killed, in words.
        met: Whether the kill met a run that was under way.
        reruns: How often `refresh` was started again.
        unbooked: Answers that the kill met between the charge and the row on the ledger.
        again: Texts that were paid for again because they were under way.
        seconds: How long the round took.
        findings: What must not be; empty where all is well.
    """

    round: Round
    killed: str = ""
    met: bool = False
    reruns: int = 0
    unbooked: int = 0
    again: int = 0
    seconds: float = 0.0
    findings: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Campaign:
    """Rounds in one installation; each has a tenant of its own, which is removed afterwards."""

    site: Installation
    say: Callable[[str], None]
    _references: dict[str, Reference] = field(default_factory=dict)
    _up: Up | None = None
    _crashed: bool = False

    def run(self, rounds: Sequence[Round]) -> Iterator[Result]:
        """The rounds, those under `up` last, because it stays up for all of them."""
        try:
            for one in sorted(rounds, key=lambda one: one.case.victim in OF_UP):
                began = time.monotonic()
                result = Result(one)
                reference = self._reference(one.case.kind)
                try:
                    self._round(one, reference, result)
                except Exception as error:
                    result.findings.append(f"the round ended with {type(error).__name__}: {error}")
                result.seconds = time.monotonic() - began
                yield result
        finally:
            if self._up is not None:
                self._up.stop()

    def _reference(self, kind: str) -> Reference:
        if kind not in self._references:
            self.say(f"An undisturbed refresh of {kind} ...")
            # The first one also reads every module from the disk: its times would be too long.
            for name in ("warm", "whole"):
                with self._source(f"{name}-{kind}", kind) as source:
                    logged, started_at = len(read_log(self.site.provider_log)), time.time()
                    process = self.site.start("refresh", source.key)
                    if wait_for(process, REFRESH_S) != 0:
                        raise RuntimeError(f"the undisturbed refresh failed: {self.site.said()}")
                    log = read_log(self.site.provider_log)[logged:]
                    self._references[kind] = Reference(
                        content(self.site.owner_dsn, source.tenant_id),
                        data_versions(self.site.dagster_dsn, source.key),
                        accounts.account(self.site.owner_dsn, source.tenant_id, log, None),
                        spans(self.site.dagster_dsn, source.key, started_at),
                    )
            if wrong := self._references[kind].account.wrong:
                raise RuntimeError(f"the undisturbed refresh is wrong: {wrong}")
        return self._references[kind]

    @contextmanager
    def _source(self, tenant: str, kind: str) -> Iterator[SourceRow]:
        source = self.site.add_source(tenant, kind)
        yield source
        self.site.remove(source)

    def _round(self, one: Round, reference: Reference, result: Result) -> None:
        logged = len(read_log(self.site.provider_log))
        with_up = one.case.victim in OF_UP
        # What a crash of the server has left stays for the rounds behind it, too.
        self._crashed |= one.case.victim in CRASHES
        with self._source(f"round-{one.number}", one.case.kind) as source:
            killed_at = (self._while_up if with_up else self._while_refreshing)(one, reference, source, result)
            log = read_log(self.site.provider_log)[logged:]
            result.findings += self._judged(one, reference, source, log, killed_at, result)
        result.findings += leftovers(self.site, with_up=with_up, crashed=self._crashed)

    def _while_refreshing(self, one: Round, reference: Reference, source: SourceRow, result: Result) -> float:
        process = self.site.start("refresh", source.key)
        try:
            killed_at = self._kill(one, reference, source, result, lambda: process.poll() is None, process)
            code = wait_for(process, REFRESH_S)
        finally:
            kill_group(process)
            process.wait()
        if code is None:
            result.findings.append(f"refresh did not end within {REFRESH_S:.0f} s after the kill")
        elif code > 0:
            result.findings += badly_said(self.site.said())
        # What a fallback has answered is asked again by the next run.
        while (code != 0 or self._fallbacks(source)) and result.reruns < RERUNS:
            result.reruns += 1
            process = self.site.start("refresh", source.key)
            code = wait_for(process, REFRESH_S)
            if code is None:
                kill_group(process)
                process.wait()
                result.findings.append(f"the refresh after the kill did not end within {REFRESH_S:.0f} s")
                break
            result.findings += badly_said(self.site.said()) if code else []
        if code != 0:
            result.findings.append(
                f"{result.reruns} refreshes after the kill did not succeed: {self.site.said()[-600:]}"
            )
        return killed_at

    def _fallbacks(self, source: SourceRow) -> int:
        with self.site.database.bulk(source.tenant_id) as connection:
            return sum(repository.fallbacks(connection, source.id).values())

    def _while_up(self, one: Round, reference: Reference, source: SourceRow, result: Result) -> float:
        if self._up is None:
            self.say("`up` starts ...")
            self._up = Up.started(self.site)
        up = self._up
        self.site.request(source)
        killed_at = self._kill(one, reference, source, result, lambda: True, None)
        result.findings += up.wait_until_done(source, reference.versions)
        return killed_at

    def _kill(
        self,
        one: Round,
        reference: Reference,
        source: SourceRow,
        result: Result,
        alive: Callable[[], bool],
        process: object,
    ) -> float:
        """Wait for the round's moment, then kill; a killed server comes back."""
        result.met = wait_for_stage(self.site.dagster_dsn, source.key, one.case.stage, alive)
        time.sleep(one.share * reference.spans[one.case.stage].seconds)
        result.met = result.met and alive()
        result.killed = strike(self.site, one, process)  # type: ignore[arg-type]
        killed_at = time.time()
        if one.case.victim in SERVERS:
            time.sleep(one.pause_s)
            self.site.servers[one.case.victim].start()
        return killed_at

    def _judged(
        self, one: Round, reference: Reference, source: SourceRow, log: list, killed_at: float, result: Result
    ) -> list[str]:
        found = differences(reference.content, content(self.site.owner_dsn, source.tenant_id))
        found += differences(reference.versions, data_versions(self.site.dagster_dsn, source.key))
        (status,) = statuses(self.site.database, source.tenant)
        if status.state != "ok":
            found.append(f"the source's state is {status.state}: {status.reason}")
        booked = accounts.account(self.site.owner_dsn, source.tenant_id, log, killed_at)
        # Under `up` a second run of the source may be at its report when the database is killed.
        measured = one.case.stage in (Stage.REPORT, Stage.QDRANT) or one.case.victim in OF_UP
        report = reference.account.report_texts if measured else 0
        result.again, again = accounts.paid_again(reference.account, booked, report_texts=report)
        result.unbooked = booked.unbooked
        return [*found, *booked.wrong, *again]
