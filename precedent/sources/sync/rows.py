"""A record as it is written, or why it cannot be: the last look before the database."""

from dataclasses import dataclass

from precedent.sources.records import RawRecord, RejectedRecord, payload_hash


@dataclass(frozen=True, slots=True)
class RawRow:
    """A record with its payload as canonical JSON and the digest of that."""

    record: RawRecord
    payload: str
    digest: bytes


def row_of(record: RawRecord, max_body_bytes: int | None = None) -> RawRow | RejectedRecord:
    """The row of a record; one whose payload is no JSON, or too long, is rejected, whichever kind it came from.

    Args:
        record: The record.
        max_body_bytes: How long its payload may be; None where its file was read within that bound.
    """
    try:
        payload = record.payload_json()
        if max_body_bytes is not None and len(payload) > max_body_bytes:
            place = f"{record.kind.value}/{record.external_id}"
            return RejectedRecord(place, 1, "too_large", f"The record is longer than {max_body_bytes:,} bytes.")
        return RawRow(record, payload.decode(), payload_hash(record.shape, payload))
    except (TypeError, ValueError, RecursionError) as error:
        return refused(record.kind.value, record.external_id, error)


def refused(kind: str, external_id: str, error: Exception) -> RejectedRecord:
    """The rejection of a record that cannot be written; it is named by its kind and id."""
    return RejectedRecord(
        f"{kind}/{external_id}", 1, "refused", f"The record cannot be stored ({type(error).__name__})."
    )
