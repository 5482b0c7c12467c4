from precedent.search.snippets import LENGTH, LOOKED_AT, snippet

WEIGHTS = {"connect": 2.0, "pool": 3.0, "exhaust": 4.0, "checkout": 1.0}


def marked(text: str, weights: dict[str, float] = WEIGHTS, length: int = LENGTH) -> tuple[str, list[str]]:
    found = snippet(text, weights, length)
    return found.text, [found.text[start:end] for start, end in found.marks]


def test_the_passage_with_most_of_the_query_is_shown() -> None:
    text = (
        "The checkout is slow. " + "Nothing to see here. " * 40 + "The connection pool was exhausted. " + "Later. " * 90
    )
    passage, words = marked(text)
    assert "The connection pool was exhausted." in passage
    assert words == ["connection", "pool", "exhausted"]
    assert len(passage) <= LENGTH


def test_a_word_counts_once_however_often_it_stands_there() -> None:
    text = "checkout " * 30 + "x" * 400 + " pool exhausted"
    assert marked(text, length=100)[1] == ["pool", "exhausted"]


def test_identifiers_are_marked_whole() -> None:
    assert marked("Failed in getConnection() of PoolManager")[1] == ["getConnection", "PoolManager"]


def test_without_a_match_the_beginning_is_shown() -> None:
    passage, words = marked("Once upon a time " * 50)
    assert passage.startswith("Once upon a time")
    assert (len(passage) <= LENGTH, words) == (True, [])


def test_white_space_is_one_space_and_marks_follow() -> None:
    assert marked("a\n\n  b\tthe   pool\n\nexhausted  ") == ("a b the pool exhausted", ["pool", "exhausted"])


def test_nothing_is_cut_inside_a_word() -> None:
    text = " ".join(f"word{number}" for number in range(2_000)) + " pool " + "tail" * 5
    passage, _ = marked(text[:5_000])
    assert set(passage.split()) <= set(text.split())


def test_only_the_beginning_of_a_huge_text_is_read() -> None:
    assert marked("log line\n" * LOOKED_AT + "pool")[1] == []
    assert snippet("", WEIGHTS).text == ""


def test_a_word_longer_than_the_passage_is_shown_all_the_same() -> None:
    assert "pool" in marked("x" * 1_000 + " pool " + "y" * 1_000, length=40)[0]
