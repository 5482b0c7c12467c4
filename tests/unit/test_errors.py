"""An error may hold words of a server, a file or a model: it stays one bounded sentence, whoever wrote them."""

import pytest

from precedent.errors import LONGEST_SENTENCE, ActionRequired, PrecedentError, UsageError
from precedent.providers.errors import FailureKind, ProviderError

HOSTILE = "a\x1b]0;owned\x07b\0c\ud800d\x9be"


@pytest.mark.parametrize(
    "error",
    [
        PrecedentError(HOSTILE),
        UsageError(HOSTILE),
        ActionRequired("refused", HOSTILE),
        ProviderError(FailureKind.INVALID_REQUEST, HOSTILE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_holds_nothing_that_a_terminal_obeys_or_the_database_refuses(error: PrecedentError) -> None:
    assert str(error) == "abc\ufffdd"
    assert getattr(error, "reason", "abc\ufffdd") == "abc\ufffdd"


def test_a_long_error_keeps_its_beginning_and_its_end() -> None:
    text = str(PrecedentError(f"Begins {'x' * 100_000} ends."))
    assert len(text) <= LONGEST_SENTENCE
    assert text.startswith("Begins")
    assert text.endswith("ends.")
