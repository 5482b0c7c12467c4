import pytest

from precedent.search.stemming import stem


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("connections", "connect"), ("connected", "connect"), ("connecting", "connect"), ("failing", "fail"),
        ("failed", "fail"), ("ponies", "poni"), ("ties", "tie"), ("caresses", "caress"), ("gas", "gas"),
        ("dying", "die"), ("skies", "sky"), ("adding", "add"), ("hopping", "hop"), ("hoping", "hope"),
        ("agreed", "agre"), ("proceed", "proceed"), ("happy", "happi"), ("say", "say"), ("generalization", "general"),
        ("relational", "relat"), ("conditional", "condit"), ("communication", "communic"), ("electricity", "electr"),
        ("hopefulness", "hope"), ("replacement", "replac"), ("controlled", "control"), ("rate", "rate"), ("is", "is"),
        ("yellow", "yellow"), ("enjoyed", "enjoy"), ("news", "news"),
    ],
)  # fmt: skip
def test_stems(word: str, expected: str) -> None:
    assert stem(word) == expected
