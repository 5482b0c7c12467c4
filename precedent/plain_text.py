"""Text that may be printed, logged and stored, whoever wrote it."""

import re
from collections.abc import Mapping

# What a terminal obeys instead of showing it, begun by ESC or by the same control of C1: a command that a terminator
# ends, a sequence with parameters, any other sequence; then every single control character but newline and tab.
CONTROLS = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
SURROGATES = re.compile("[\ud800-\udfff]")


def plain(text: str) -> str:
    """The text without characters that a terminal would obey, and with U+FFFD for each half of a surrogate pair.

    NUL, which PostgreSQL does not store, is one of the former; the latter can be neither printed nor stored.
    """
    return SURROGATES.sub("\ufffd", CONTROLS.sub("", text))


def sentence(text: str, longest: int) -> str:
    """The same as a message: shortened in its middle.

    Args:
        text: Any text, which may hold what a server or a file says.
        longest: The most characters.
    """
    half = longest // 2 - 1
    # Cut before it is searched: a terminator that is looked for in vain takes time with the square of the length.
    return plain(text if len(text) <= longest else f"{text[:half]}…{text[-half:]}")


def can_be_stored(value: object) -> bool:
    """True if no text within a value, of mappings and lists or alone, holds NUL or half of a surrogate pair."""
    if isinstance(value, str):
        return "\0" not in value and not SURROGATES.search(value)
    if isinstance(value, Mapping):
        return all(can_be_stored(key) and can_be_stored(item) for key, item in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return all(can_be_stored(item) for item in value)
    return True
