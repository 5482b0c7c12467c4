"""What every kind of live source must do: tests for a subclass that fills and changes a server on loopback."""

# ruff: noqa: D102, S101 - the names of tests say what they assert

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from precedent.errors import ActionRequired, NotThere, RetryLater
from precedent.security.redaction import register_secret
from precedent.sources import registry
from precedent.sources.records import RawKind
from precedent.sources.testing.bench import IMPATIENT_S, LARGEST, PATIENT_S, SourceBench, only_if, told
from precedent.sources.testing.reading import Store
from precedent.testing.loopback import LoopbackServer, Request, Response

# Imported where they are used: to list kinds must stay cheap.
HEAVY = ("bs4", "httpx2", "lxml", "markdown_it", "pygit2", "sqlalchemy", "tenacity")
LIMIT = timedelta(hours=1)
FAR = datetime(2099, 1, 1, tzinfo=UTC)
REFUSALS = {401: ActionRequired, 403: ActionRequired, 404: NotThere}


class SourceContract(SourceBench):
    """Subclass it as `Test...`, set the attributes of `SourceBench` and implement its methods."""

    def test_kind_is_usable_and_says_what_it_asks_for(self) -> None:
        kind = registry.get(self.kind)
        assert kind.title
        assert kind.sweeps or not self.sweeps
        listed = next(each for each in registry.list_kinds() if each.name == self.kind)
        assert all(option.help for option in listed.options)

    def test_listing_kinds_imports_neither_client_nor_markup(self) -> None:
        (point,) = entry_points(group=registry.GROUP, name=self.kind)
        program = f"import sys, {point.module}; print(*(set({HEAVY!r}) & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []

    def test_a_probe_of_what_has_not_changed_is_equal(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        with self.opened(server, folder) as source:
            before = source.probe()
        with self.opened(server, folder) as source:
            assert source.probe(before).token == before.token

    def test_a_probe_sees_what_is_new(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        with self.opened(server, folder) as source:
            before = source.probe()
            self.add(server)
            assert source.probe(before).token != before.token

    def test_everything_is_read_once(self, server: LoopbackServer, folder: Path) -> None:
        items = self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            source.probe()
            store.read(source)
            assert source.requests > 0
        assert set(items) <= set(store.records)
        assert store.rejected == []
        with self.opened(server, folder) as source:
            store.read(source)
        assert store.changed == set()

    def test_what_is_new_or_changed_is_read_from_the_cursor(self, server: LoopbackServer, folder: Path) -> None:
        items = self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            store.read(source)
        expected = {self.add(server)}
        if self.changes:
            self.change(server, items[0])
            expected.add(items[0])
        with self.opened(server, folder) as source:
            store.read(source)
        assert store.changed == expected

    def test_a_read_that_is_killed_between_two_pages_goes_on(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        for _ in range(self.pages):
            self.add(server)
        whole, killed = Store(), Store()
        with self.opened(server, folder) as source:
            pages = whole.read(source)
        assert pages > (1 if self.pages else 0)
        for _ in range(3 * pages):
            with self.opened(server, folder) as source:
                killed.read(source, at_most=1)
        assert killed.hashes() == whole.hashes()

    def test_streams_that_sweep_list_what_they_brought(self, server: LoopbackServer, folder: Path) -> None:
        items = self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            store.read(source)
            swept = [stream for stream in source.streams() if stream.sweeps]
            listed = {item.identity for stream in swept for item in source.full_listing(stream)}
        assert bool(swept) is self.sweeps
        assert listed <= set(store.records)
        assert not self.sweeps or set(items) <= listed

    @only_if("sweeps")
    def test_an_item_that_was_deleted_is_not_listed_and_is_gone(self, server: LoopbackServer, folder: Path) -> None:
        deleted, kept, *_ = self.fill(server)
        self.delete(server, deleted)
        with self.opened(server, folder) as source:
            stream = next(each for each in source.streams() if each.sweeps)
            listed = {item.identity for item in source.full_listing(stream)}
            assert (deleted in listed, kept in listed) == (False, True)
            assert source.gone(stream, *deleted)
            assert not source.gone(stream, *kept)

    @only_if("sweeps")
    def test_an_item_of_a_full_listing_is_read_as_pages_read_it(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            store.read(source)
            for stream in (each for each in source.streams() if each.sweeps):
                for listed in source.full_listing(stream):
                    alone = {(item.kind, item.external_id): item for item in source.item(stream, listed)}  # type: ignore[union-attr]
                    assert listed.identity in alone
                    for identity, item in alone.items():
                        assert item == store.records[identity]

    @only_if("dated")
    def test_an_item_of_the_far_future_hides_nothing(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        far = self.add_dated(server, FAR)
        store = Store()
        for _ in range(3):
            with self.opened(server, folder) as source:
                store.read(source)
            assert far in store.records
            new = self.add(server)
            with self.opened(server, folder) as source:
                store.read(source)
            assert new in store.records

    @only_if("json")
    def test_everything_is_asked_for_anew_where_that_is_wanted(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            before = source.probe()
            store.read(source)
        asked = len(server.requests)
        with self.opened(server, folder, conditional=False) as source:
            source.probe(before)
            store.read(source)
        assert all("if-none-match" not in request.headers for request in server.requests[asked:])

    @only_if("json")
    def test_an_unasked_304_is_a_fault(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        self.fail(server, "status", response=Response(None, 304))
        fault = self.fault(server, folder)
        assert isinstance(fault, ActionRequired)
        assert fault.code == "unasked_304"

    @only_if("numbered")
    def test_the_server_s_number_stays_until_another_source_has_the_name(
        self, server: LoopbackServer, folder: Path
    ) -> None:
        items = self.fill(server)
        with self.opened(server, folder) as source:
            before, number = source.probe(), source.identity()
        assert number
        if self.changes:
            self.change(server, items[0])
        if self.renames:
            self.rename(server)
        with self.opened(server, folder, name=before.name) as source:
            source.probe(before)
            assert source.identity() == number
        self.replace(server)
        with self.opened(server, folder, name=before.name) as source:
            try:
                source.probe(before)
                assert source.identity() != number
            except NotThere:
                pass  # it is asked for by its number

    @only_if("renames")
    def test_a_renamed_source_is_followed(self, server: LoopbackServer, folder: Path) -> None:
        items = self.fill(server)
        with self.opened(server, folder) as source:
            before = source.probe()
        name = self.rename(server)
        assert before.name
        store = Store()
        with self.opened(server, folder, name=before.name) as source:
            assert source.probe(before).name == name
            store.read(source)
        renamed = {(kind, external_id.replace(before.name, name, 1)) for kind, external_id in items}
        assert renamed <= set(store.records)

    @pytest.mark.parametrize("status", REFUSALS)
    def test_a_refusal_requires_action(self, server: LoopbackServer, folder: Path, status: int) -> None:
        self.fail(server, "status", response=Response({"message": f"No {self.key}."}, status))
        assert isinstance(self.fault(server, folder), REFUSALS[status])

    @pytest.mark.parametrize("form", ["seconds", "date"])
    def test_a_limit_is_waited_for_until_it_ends(self, server: LoopbackServer, folder: Path, form: str) -> None:
        until = server.dated() + LIMIT
        stated = str(int(LIMIT.total_seconds())) if form == "seconds" else format_datetime(until, usegmt=True)
        self.fail(server, "status", response=Response({}, 429, {"Retry-After": stated}))
        fault = self.fault(server, folder)
        assert isinstance(fault, RetryLater)
        if self.json:
            assert abs(fault.until - until) < timedelta(seconds=60)

    @pytest.mark.parametrize("kind", ["status", "cut", "reset", "slow"])
    def test_trouble_is_waited_for(self, server: LoopbackServer, folder: Path, kind: str) -> None:
        self.fill(server)
        self.fail(server, kind)
        patience = IMPATIENT_S if kind == "slow" else PATIENT_S
        assert isinstance(self.fault(server, folder, timeout_s=patience), RetryLater)

    @only_if("json")
    @pytest.mark.parametrize("kind", ["status", "cut", "reset", "html"])
    def test_trouble_that_passes_is_not_noticed(self, server: LoopbackServer, folder: Path, kind: str) -> None:
        items = self.fill(server)
        server.fail(kind, times=2, only=self.asked_for)
        store = Store()
        with self.opened(server, folder) as source:
            store.read(source)
        assert set(items) <= set(store.records)

    def test_a_web_page_requires_action(self, server: LoopbackServer, folder: Path) -> None:
        self.fail(server, "html")
        assert isinstance(self.fault(server, folder), ActionRequired)

    def test_an_answer_of_another_form_requires_action(self, server: LoopbackServer, folder: Path) -> None:
        self.fail(server, "status", response=Response({"unexpected": True}))
        assert isinstance(self.fault(server, folder), ActionRequired)

    def test_the_key_never_goes_to_another_host(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        with _Elsewhere() as other:
            self.fail(server, "status", response=Response({}, 302, {"Location": f"{other.url}/somewhere"}))
            self.fault(server, folder)
            assert not self.json or other.requests == []
            assert not self.key or all(self.key not in str(request) for request in other.requests)

    @only_if("json")
    @pytest.mark.parametrize("kind", ["bomb", "status"])
    def test_an_answer_without_end_is_not_read_on(self, server: LoopbackServer, folder: Path, kind: str) -> None:
        self.fail(server, kind, size=4 * LARGEST, response=Response(b"[" + b" " * 2 * LARGEST + b"]"))
        fault = self.fault(server, folder)
        assert isinstance(fault, ActionRequired)
        assert fault.code == "too_large"

    @only_if("key")
    def test_a_wrong_key_requires_action_and_is_not_told(self, server: LoopbackServer, folder: Path) -> None:
        wrong = "another-key-that-is-wrong-0123456789"
        register_secret(wrong)
        with self.opened(server, folder, key=wrong) as source, pytest.raises(ActionRequired) as caught:
            source.probe()
        assert wrong not in told(caught.value)

    def test_every_record_is_recognised_and_has_a_document(self, server: LoopbackServer, folder: Path) -> None:
        self.fill(server)
        store = Store()
        with self.opened(server, folder) as source:
            store.read(source)
        shapes = {shape.name for shape in registry.get(self.kind).shapes}
        for item in store.records.values():
            assert item.shape in shapes
            recognised = registry.recognise(item.payload)
            assert recognised is not None
            assert recognised.name == item.shape
            assert recognised.record(item.payload).kind is item.kind
            document = registry.extract(item.shape, item.payload)
            assert document.title or document.text or item.kind in {RawKind.COMMENT, RawKind.DEPLOYMENT}
            others = (shape for kind in registry.kinds().values() if kind.name != self.kind for shape in kind.shapes)
            assert not [shape.name for shape in others if shape.recognise(item.payload)]

    @pytest.mark.parametrize("payload", [{}, {"id": None}, {"title": ["odd"], "body": {"odd": 1}, "author": 7}])
    def test_odd_payloads_have_a_document_too(self, payload: dict[str, Any]) -> None:
        for shape in registry.get(self.kind).shapes:
            assert "\n" not in shape.extract(payload).title

    def test_close_twice(self, server: LoopbackServer, folder: Path) -> None:
        with self.opened(server, folder) as source:
            source.close()


class _Elsewhere(LoopbackServer):
    def answer(self, request: Request) -> Response:
        return Response({}, 404)
