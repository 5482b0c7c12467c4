"""Files of records in every form, with what is sound in them."""

import csv
import gzip
import io
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.fuzz.strategies.values import texts, values

FORMS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv")
MARK = b"\xef\xbb\xbf"
# Balanced, so that it costs its neighbours nothing, and no record.
BROKEN_ITEMS = (
    b'{"a": tru}',
    b"{\"a\": 'x'}",
    b'{"a" 1}',
    b'{"a": 1,}',
    b"[1,,2]",
    b"NaN",
    b"-",
    b"01",
    b'"\\x"',
    b'{"\xff": 1}',
    b'{"a": "\x01"}',
    b'{"number": 1e999}',
    b"[" * 5_000 + b"]" * 5_000,
    b'{"a": ' * 300 + b"1" + b"}" * 300,
    b'{"n": ' + b"9" * 6_000 + b"}",
)
BROKEN_LINES = (*BROKEN_ITEMS, b"{", b'"', b"\xff\xfe", b"]", b"[" * 5_000, b'{"a": "', b"\0", b"\r")


@dataclass(frozen=True, slots=True)
class HostileFile:
    """A file as it lies on disk.

    Attributes:
        name: Its name.
        content: Its bytes.
        sound: What is sound in it, in order.
    """

    name: str
    content: bytes
    sound: list[dict[str, Any]]


def sound_item(number: int, note: str) -> dict[str, Any]:
    """A record that every reader takes as it is."""
    return {"number": number, "title": f"Title {number}", "note": note}


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@st.composite
def json_files(draw: st.DrawFn) -> HostileFile:
    """JSON in lines, as an array or in an envelope, whose records are sound, poisoned or no JSON at all."""
    suffix = draw(st.sampled_from([".jsonl", ".json", ".json"]))
    lines = suffix == ".jsonl"
    parts: list[bytes] = []
    sound: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 12))):
        if draw(st.booleans()):
            item = sound_item(number, draw(words))
            sound.append(item)
            parts.append(json.dumps(item, ensure_ascii=draw(st.booleans())).encode())
        elif draw(st.booleans()):
            parts.append(draw(st.sampled_from(BROKEN_LINES if lines else BROKEN_ITEMS)))
        else:
            parts.append(json.dumps(draw(values.filter(lambda value: not isinstance(value, dict)))).encode())
    text = _joined(draw, parts, lines=lines)
    return _written(draw, suffix, text, sound)


def _joined(draw: st.DrawFn, parts: list[bytes], *, lines: bool) -> bytes:
    if lines:
        return draw(st.sampled_from([b"\n", b"\r\n", b"\n\n \n"])).join(parts)
    space = draw(st.sampled_from([b"", b" ", b"\n\t"]))
    array = b"[" + space + (b"," + space).join(parts) + b"]"
    half = len(parts) // 2
    first, second = (b"[" + b",".join(items) + b"]" for items in (parts[:half], parts[half:]))
    return draw(
        st.sampled_from(
            [
                array,
                b'{"page": {"a": [1]}, "issues":' + array + b', "total": 3}',
                b'{"issues":' + first + b', "pull_requests": ' + second + b"}",
            ]
        )
    )


@st.composite
def tables(draw: st.DrawFn) -> HostileFile:
    """A table whose rows are sound, too short, too long or not UTF-8."""
    suffix = draw(st.sampled_from([".csv", ".tsv"]))
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter="\t" if suffix == ".tsv" else ",", lineterminator=draw(st.sampled_from(["\n", "\r\n"]))
    )
    writer.writerow(["number", "title", "note"])
    sound: list[dict[str, Any]] = []
    content = out.getvalue().encode()
    for number in range(draw(st.integers(0, 12))):
        out.seek(out.truncate(0))
        if draw(st.booleans()):
            note = draw(words).replace("\r", "\n")  # Python's writer does not quote every one of them
            item = {name: str(value) for name, value in sound_item(number, note).items()}
            sound.append(item)
            writer.writerow(item.values())
            content += out.getvalue().encode()
        else:
            content += draw(
                st.sampled_from([b"a\n", b"\xff,b\n", b"1\t2\t3\t4,5,6,7,8\n", b"\n", b'"x\n\xff",1,2,3,4\n'])
            )
    return _written(draw, suffix, content, sound)


@st.composite
def odd_files(draw: st.DrawFn) -> HostileFile:
    """Bytes that promise nothing: any, or a file of records that was cut, changed or doubled in the middle."""
    suffix = draw(st.sampled_from(FORMS))
    if draw(st.booleans()):
        return _written(draw, suffix, draw(st.one_of(st.binary(max_size=200), texts.map(_encoded))), [])
    content = bytearray(draw(st.one_of(json_files(), tables())).content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["cut", "set", "double"])):
            case "cut":
                del content[at:]
            case "double":
                content[at:at] = content[at : at + draw(st.integers(1, 60))]
            case _:
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=2))
    return HostileFile(f"odd{suffix}{draw(st.sampled_from(['', '.gz']))}", bytes(content), [])


def _written(draw: st.DrawFn, suffix: str, text: bytes, sound: list[dict[str, Any]]) -> HostileFile:
    raw = draw(st.sampled_from([b"", MARK])) + text
    if draw(st.integers(0, 3)) == 0:
        return HostileFile(f"file{suffix}.gz", gzip.compress(raw, 1), sound)
    return HostileFile(f"file{suffix}", raw, sound)


def _encoded(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
