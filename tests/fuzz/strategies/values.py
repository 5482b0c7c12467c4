"""Values that hurt: what JSON can hold, and what people, programs and attackers write into texts."""

import copy
import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Place = tuple[Any, ...]

ODD_TEXTS = (
    "",
    " ",
    "\0",
    "a\0b",
    "half \ud83d of a pair",
    "\udc80\udcff",
    "\x1b]52;c;ZWNobyBoaQ==\x07",
    "\x1b[2J\x9b31m",
    "\u202etxt.exe\u202c",
    "e\u0301\u0301\u0301",
    "\ufeff",
    "\ufdd0\uffff",
    "\u2028\u2029\x85\x0b\x0c",
    "²",
    "٣",
    "１２",
    "9" * 400,
    "9" * 5_000,
    "-1",
    "1e400",
    "NaN",
    "0001-01-01",
    "9999-12-31T23:59:59-14:00",
    "2025-02-30T10:00:00Z",
    "3 Mar 2021 10:00 +0200",
    "2021-03-04T05:06:07.123456789Z",
    "1700000000000",
    "20250101T000000+9999",
    "&#0;&#xD800;&#x110000;&nbsp;&lt;",
    "<a href='javascript:x'><![CDATA[ ]]><!-- <script>",
    "../../etc/passwd",
    "${HOME}",
    "%s%n{0}",
    "'; DROP TABLE tenants; --",
    "\\u0000\\ud800",
    "https://api.github.com/repos/o/n/issues/7",
    "https://host/repos/" + "o" * 2_000 + "/n/issues/1",
    "https://gitlab.com/g/p/-/issues/3",
)
PIECES = (
    *(
        "[",
        "![",
        "](",
        "> ",
        "- a\n",
        "1. ",
        "#",
        "```",
        "~~~\n",
        "|a|b|\n|-|-|\n",
        "<b>",
        "</p>",
        "<!--",
        "<table><tr><td>",
    ),
    *(
        "{code}",
        "{quote}",
        "||",
        "{{",
        "[a|",
        "h1. ",
        "* ",
        "\\",
        "&amp;",
        "&#x0;",
        "\x1b[",
        "\n",
        "\r\n",
        " ",
        "\t",
        "a",
    ),
    *(
        "é",
        "漢字",
        "🙂",
        "\u0301",
        "\u200d",
        "api_key",
        "password=",
        ": ",
        '"',
        "'",
        "Bearer ",
        "@",
        "a@b.",
        "10.0.0.1 ",
    ),
    *("::", "-----BEGIN RSA PRIVATE KEY-----", "eyJ", "sk-", "://u:", "token", "=", "On x wrote:\n", "mysql -p"),
)
LONGEST_REPEAT = 2_000
LONGEST = 200_000

repeated = st.builds(lambda piece, times: piece * times, st.sampled_from(PIECES), st.integers(1, LONGEST_REPEAT))
mixed = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)
texts = st.one_of(
    st.sampled_from(ODD_TEXTS),
    st.text(st.characters(codec=None), max_size=40),
    mixed,
    repeated,
    st.lists(st.one_of(repeated, mixed, st.sampled_from(ODD_TEXTS)), max_size=4).map("\n".join),
)
integers = st.one_of(
    st.integers(-3, 1_000),
    st.sampled_from([2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**30, -(10**300)]),
    st.sampled_from([10**309, -(10**400), 1_700_000_000, 1_700_000_000_000, 253_402_300_800, -62_135_596_801]),
)
numbers = st.one_of(integers, st.floats(allow_nan=False, allow_infinity=False))


def nested(levels: int, kind: str = "list") -> Any:
    """Containers within containers, as deep as is said."""
    value: Any = 1
    for _ in range(levels):
        value = {"a": value} if kind == "object" else [value]
    return value


deep = st.builds(
    nested, st.sampled_from([1, 5, 60, 150, 198, 199, 200, 201, 255, 400]), st.sampled_from(["list", "object"])
)
scalars = st.one_of(st.none(), st.booleans(), numbers, texts)
# Whatever JSON can hold.
values = st.one_of(
    scalars,
    deep,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    ),
    st.builds(lambda value, times: [value] * times, st.sampled_from([{}, [], None, {"body": 1}]), st.integers(0, 800)),
)


@dataclass(frozen=True, slots=True)
class Edit:
    """One place of a value that holds something else, is missing, or is there more than once.

    Attributes:
        place: Counts the places of whatever is edited; beyond the last it begins anew.
        act: What happens there.
        name: Of a field that is added.
        value: What comes in.
        times: How often an item is repeated.
    """

    place: int
    act: str
    name: str
    value: Any
    times: int

    def applied(self, value: Any) -> Any:
        """The value with this one place changed; it is changed itself."""
        found = places(value)
        place = found[self.place % len(found)]
        if not place:
            # The value as a whole, but seldom: what is found within is worth more.
            return copy.deepcopy(self.value) if self.times == 1 else value
        holder = value
        for key in place[:-1]:
            holder = holder[key]
        match self.act:
            case "remove":
                del holder[place[-1]]
            case "repeat" if isinstance(holder, list):
                holder.extend(copy.deepcopy(holder[place[-1]]) for _ in range(self.times))
            case "add" if isinstance(holder, dict):
                holder[self.name] = copy.deepcopy(self.value)
            case _:
                holder[place[-1]] = copy.deepcopy(self.value)
        return value


ACTS = ("replace", "replace", "replace", "remove", "repeat", "add")
edits = st.lists(
    st.builds(Edit, st.integers(0, 200), st.sampled_from(ACTS), texts, values, st.integers(1, 30)), max_size=4
)


def edited(sound: Any, changes: list[Edit]) -> Any:
    """A sound value with some of its places changed; the sound one stays as it is."""
    value = copy.deepcopy(sound)
    for change in changes:
        after = change.applied(copy.deepcopy(value))
        # No reader takes more of one record, and what is repeated may hold what is repeated.
        if len(json.dumps(after)) < LONGEST:
            value = after
    return value


def changed(sound: Any) -> st.SearchStrategy[Any]:
    """The same as a strategy."""
    return edits.map(lambda found: edited(sound, found))


def places(value: Any, above: Place = ()) -> list[Place]:
    """The paths of all values within a value, its own included."""
    found = [above]
    if isinstance(value, dict):
        inner: Any = value.items()
    elif isinstance(value, list):
        inner = enumerate(value[:20])
    else:
        return found
    if len(above) < 20:
        for key, item in inner:
            found += places(item, (*above, key))
    return found
