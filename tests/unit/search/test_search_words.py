from precedent.search.words import FREQUENCIES, LEXEMES_EACH, QUERY_LEXEMES, TITLE_WEIGHT, document_words, query_words


def classes(title: str, text: str, external_id: str = "x#1") -> dict[str, int]:
    keys = document_words(7, external_id, title, text).keys
    return {key.split("|")[1]: int(key.split("|")[2]) for key in keys}


def test_a_key_names_tenant_lexeme_and_class() -> None:
    assert "7|pool|0" in document_words(7, "x#1", "", "pool").keys
    assert document_words(7, "x#1", "Pool", "of connections").length == 2


def test_a_class_grows_with_the_frequency() -> None:
    found = [classes("", "pool " * times)["pool"] for times in (1, 2, 3, 4, 5, 6, 9, 10, 16, 17, 500)]
    assert found == [0, 1, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    assert list(FREQUENCIES) == sorted(FREQUENCIES)


def test_a_title_counts_more_than_the_text() -> None:
    assert classes("pool", "")["pool"] == classes("", "pool " * TITLE_WEIGHT)["pool"] > classes("", "pool")["pool"]


def test_a_document_is_found_by_its_own_id() -> None:
    assert "harbor/platform#7" in classes("t", "b", "Harbor/Platform#7")


def test_a_document_of_a_million_words_fits_the_index() -> None:
    found = document_words(7, "x#1", "t", " ".join(f"{number:x}z{number}" for number in range(60_000)))
    assert len(found.keys) <= LEXEMES_EACH
    assert len(set(found.keys)) == len(found.keys)


def test_the_first_line_of_a_query_counts_most_and_the_end_least() -> None:
    weights = query_words("checkout\nstarted " + " ".join(f"step{number}" for number in range(40)))
    assert weights["checkout"] > weights["start"] > weights["step0"] > weights["step39"]
    assert list(weights.values()) == sorted(weights.values(), reverse=True)


def test_a_long_query_keeps_its_heaviest_lexemes() -> None:
    weights = query_words("checkout\n" + " ".join(f"step{number}" for number in range(5_000)))
    assert len(weights) == QUERY_LEXEMES
    assert "checkout" in weights


def test_a_query_without_words_has_none() -> None:
    assert query_words("") == query_words(" \n the and ?") == {}
