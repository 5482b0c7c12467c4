"""Payloads of every kind of source: each becomes a record that can be stored, or a rejection with its reason."""

import json
from typing import Any

from hypothesis import given

from precedent.sources import registry
from precedent.sources.records import RawRecord, payload_hash
from precedent.sources.shapes.cleaning import canonical
from precedent.sources.shapes.guard import guarded
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_record, is_rejection
from tests.fuzz.strategies.payloads import SOUND, payloads

SHAPES = {shape.name: shape for kind in registry.kinds().values() for shape in kind.shapes}


def test_there_is_a_sound_payload_of_each_shape_and_it_is_taken() -> None:
    assert SOUND.keys() == SHAPES.keys()
    for name in SOUND.keys() - {"mapped"}:  # of which only a mapping can say what it is
        found = guarded(registry.record, SOUND[name], "file", 1)
        assert isinstance(found, RawRecord)
        assert found.shape == name


@cases(240)
@given(payloads)
def test_a_payload_is_a_record_or_a_rejection(case: tuple[str, Any]) -> None:
    name, payload = case
    for read in (registry.record, SHAPES[name].record):
        with within(1.0):
            found = guarded(read, payload, "file", 1)
        if not isinstance(found, RawRecord):
            is_rejection(found)
            continue
        is_record(found)
        again = guarded(SHAPES[found.shape].record, json.loads(found.payload_json()), "file", 1)
        assert isinstance(again, RawRecord)
        assert again.notes == ()
        assert (again.kind, again.external_id, again.parent_id) == (found.kind, found.external_id, found.parent_id)
        first, second = (payload_hash(item.shape, item.payload_json()) for item in (found, again))
        assert first == second
    assert canonical(payload)
