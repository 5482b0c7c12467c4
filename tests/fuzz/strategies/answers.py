"""What a provider, or a server of records, may send: bodies, statuses, and headers with figures that cannot be."""

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from precedent.providers.testing.behaviour import Behaviour, Reply, Step
from precedent.providers.testing.wires import Wire
from precedent.testing.loopback import Request
from tests.fuzz.strategies.values import Edit, edited, edits, texts

BODIES = (
    "",
    "null",
    "[]",
    "{}",
    "7",
    '"text"',
    "not json",
    "<html>sign in</html>",
    "{",
    "[" * 100_000,
    '{"a":' * 20_000,
    '{"usage": {"prompt_tokens": 1e999}}',
    '{"choices": [NaN, Infinity, -Infinity]}',
    '{"data": ' + "9" * 5_000 + "}",
    '"\\ud800"',
    "\x1b[2J\0",
)
FIGURES = (
    *("0", "-0", "-1", "1", "0.0000125", "10000", "10000.01", "1e-400", "1e400", "1e9", "-1e-9", "nan", "inf", "-inf"),
    *(
        "",
        " ",
        "0x10",
        "1_000",
        "1,5",
        "sNaN",
        "Infinity",
        "abc",
        "9" * 400,
        "+1",
        "1e",
        "true",
        "1e-7000000",
        "\u00b2",
    ),
)
WAITS = (
    *FIGURES,
    *("120", "1700000000", "99999999999999999999", "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 9999 07:28:00 GMT"),
    *("Wed, 21 Oct 99999999999 07:28:00 GMT", "Wed, 99 Foo 2015", "2025-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59"),
    *("Mon, 01 Jan 0001 00:00:00 +9999", "1 2 3 4 5", "Wed, 21 Oct 2015 99:99:99 +999999999999"),
)
WAIT_HEADERS = (
    *("retry-after", "retry-after-ms", "llm_provider-retry-after"),
    *("x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-remaining", "ratelimit-reset"),
)
# What a header can carry.
words = texts.map(
    lambda text: text.encode("latin-1", "ignore").decode("latin-1").translate({10: 32, 13: 32, 0: 32})[:2_000]
)
waits = st.dictionaries(st.sampled_from(WAIT_HEADERS), st.sampled_from(WAITS) | words, max_size=3)
costs = st.one_of(st.just({}), (st.sampled_from(FIGURES) | words).map(lambda said: {"x-litellm-response-cost": said}))
statuses = st.sampled_from([200] * 9 + [204, 301, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503, 599])


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a provider's sound answer.

    Attributes:
        edits: Places of its JSON that hold something else.
        content: What the model writes, instead of what was asked for; None leaves it.
        body: The body as it is sent, instead of all that; None leaves it.
        status: The status.
        headers: More headers.
    """

    edits: list[Edit] = field(default_factory=list)
    content: str | None = None
    body: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def contents(sound: Any) -> st.SearchStrategy[str | None]:
    """What a model may write where JSON is asked for: that with other values, prose, a fence, half of it, anything."""
    written = edits.map(lambda found: json.dumps(edited(sound, found)))
    odd = st.sampled_from(["", "null", "[]", "{}", "NaN", "[" * 50_000, "```json\n{}\n```", "```", '{"a": 1e999}'])
    cut = st.builds(lambda text, end: text[: end % (len(text) + 1)], written, st.integers(0, 2_000))
    return st.one_of(st.none(), written, written, cut, odd, texts)


def changes(sound: Any) -> st.SearchStrategy[Change]:
    """Answers of a provider whose sound one holds this value."""
    bodies = st.one_of(st.none(), st.none(), st.none(), st.none(), st.sampled_from(BODIES), texts)
    headers = st.builds(lambda first, second: first | second, costs, waits)
    return st.builds(Change, edits, contents(sound), bodies, statuses, headers)


class ChangedWire:
    """A protocol whose sound answers are changed before they leave; `change` says how."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.change = Change()

    def untouched(self, request: Request) -> bool:
        """See `Responder.untouched`."""
        return self.wire.untouched(request)

    def respond(self, request: Request, step: Step) -> Reply:
        """The protocol's answer, changed."""
        change = self.change
        if change.content is not None and self.wire.asks_text(request):
            sound = self.wire.completion(request, change.content, Step(Behaviour.OK))
        else:
            sound = self.wire.respond(request, step)
        body = edited(sound.body, change.edits) if change.body is None else change.body
        # Python's server cannot write half of a pair, a provider's can: as an escape.
        text = json.dumps(body) if change.body is None else body.encode("utf-8", "replace").decode()
        return Reply(text, change.status, {**sound.headers, **change.headers}, sound.content_type)
