"""Masking of any text: nothing planted is left, what is masked stays as it is, and time grows with the length."""

import random
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from precedent.security.masking import mask, places
from tests.fuzz.cases import cases, within
from tests.fuzz.strategies.values import texts
from tests.masking.corpus import samples
from tests.masking.values import SECRETS

# Keys that can be told by their form, whatever stands around them.
KNOWN = ("aws", "github", "gitlab", "anthropic", "openai", "slack", "jwt")
SAMPLES = [
    sample
    for sample in samples()
    if sample.secrets and all(text not in mask(sample.text) for text in (sample.text[a:b] for a, b in sample.secrets))
]


@cases(120)
@given(texts)
def test_what_is_masked_stays_as_it_is(text: str) -> None:
    with within(5.0):
        once = mask(text)
        assert mask(once) == once
    found = places(text)
    assert all(0 <= start < end <= len(text) for start, end, _ in found)
    assert all(first[1] <= second[0] for first, second in pairwise(found))


@cases(100)
@given(
    texts,
    st.sampled_from(KNOWN),
    st.integers(0, 10_000),
    texts,
    st.sampled_from(["\n", " ", "\\n", '"', "(", "'", "\t"]),
)
def test_a_known_key_is_found_in_any_text(before: str, kind: str, seed: int, after: str, edge: str) -> None:
    secret = SECRETS[kind](random.Random(seed))  # noqa: S311 - repeatable, not secret
    assume(secret not in before + after)
    with within(5.0):
        assert secret not in mask(f"{before}{edge}{secret}{edge if edge in chr(34) + chr(39) else ' '}{after}")


@cases(100)
@given(texts, st.integers(0, len(SAMPLES) - 1), texts)
def test_other_lines_uncover_no_secret(before: str, number: int, after: str) -> None:
    sample = SAMPLES[number]
    with within(5.0):
        masked = mask(f"{before}\n\n{sample.text}\n\n{after}")
    for start, end in sample.secrets:
        assert sample.text[start:end] not in masked or sample.text[start:end] in before + after
