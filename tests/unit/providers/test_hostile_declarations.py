"""Files of providers that were made to hurt: each is refused at once, with a sentence."""

import time

import pytest

from precedent.errors import UsageError
from precedent.providers.config.provider import checked
from precedent.providers.declarative.schema import parse, scalar

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LAUGHS, "alias"),
        ("providers: &p {a: *p}", "alias"),
        ("[" * 100_000, "deeper than"),
        ("? " * 10_000, "deeper than"),
        ("a: " + "1" * 100_000, "no YAML"),
        ("a: !!timestamp x", "no YAML"),
        ("? [a]\n: 1", "no YAML"),
        ("a: !!python/object:os.system x", "no YAML"),
        ("x" * 2_000_000, "too long"),
    ],
)
def test_yaml_that_was_made_to_hurt_is_refused_at_once(text: str, words: str) -> None:
    started = time.process_time()
    with pytest.raises(UsageError, match=words):
        parse(text, "providers.yaml")
    assert scalar(text) == text
    assert time.process_time() - started < 10


@pytest.mark.parametrize("model", ['"a\\0b"', '"\\uD800"'])
def test_what_cannot_be_stored_is_refused(model: str) -> None:
    with pytest.raises(UsageError, match="cannot be stored") as caught:
        parse(f"providers: {{a: {{driver: openai, capability: embedding, model: {model}}}}}", "providers.yaml")
    assert str(caught.value).isprintable()
    with pytest.raises(UsageError, match="cannot be stored"):
        checked({"name": "a", "driver": "openai", "model": "a\0b"})
