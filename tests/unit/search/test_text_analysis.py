import pytest

from precedent.search.analyzer import LONGEST_LEXEME, analyse, spans


def every(text: str) -> set[str]:
    return {lexeme for part in analyse(text) for lexeme in part}


@pytest.mark.parametrize(
    ("identifier", "found_by"),
    [
        ("NullPointerException", ["NullPointerException", "nullpointerexception", "null", "pointer", "exceptions"]),
        ("java.lang.NullPointerException", ["java.lang.NullPointerException", "NullPointerException", "lang"]),
        ("dfs.namenode.http-address", ["dfs.namenode.http-address", "namenode", "address", "http"]),
        ("HDFS-1234", ["HDFS-1234", "hdfs-1234", "hdfs", "1234"]),
        ("getConnection()", ["getConnection", "connections", "get"]),
        ("/var/log/x.log", ["/var/log/x.log", "var/log/x.log", "log"]),
        ("user_id", ["user_id", "user", "id"]),
        ("HTTPServer", ["HTTPServer", "http", "servers"]),
        ("ORA-00942", ["ora-00942", "00942", "ora"]),
        ("0x80070005", ["0x80070005", "80070005"]),
        ("v2.7.3", ["v2.7.3", "2.7.3"]),
        ("log4j2", ["log4j2", "log"]),
        ("bitcoin-core/gui#12", ["bitcoin-core/gui#12", "gui"]),
        ("C:\\Temp\\build.log", ["c:\\temp\\build.log", "temp", "build"]),
        ("1563ffc70efd952ab024d8251df8bb334a106399", ["1563ffc", "1563ffc70efd"]),
        ("ENOSPC", ["enospc"]),
        ("Café", ["cafe", "CAFÉ"]),
        ("ＡＰＩ", ["api"]),
        ("データベース接続", ["データベース", "接続"]),
    ],
)
def test_an_identifier_is_found_by_itself_and_by_its_parts(identifier: str, found_by: list[str]) -> None:
    lexemes = every(f"It says {identifier} again.")
    for query in found_by:
        assert every(query) & lexemes, query


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("connections", "connect"),
        ("connected", "connect"),
        ("connecting", "connect"),
        ("failing", "fail"),
        ("failed", "fail"),
        ("ponies", "poni"),
        ("ties", "tie"),
        ("caresses", "caress"),
        ("gas", "gas"),
        ("dying", "die"),
        ("skies", "sky"),
        ("adding", "add"),
        ("hopping", "hop"),
        ("hoping", "hope"),
        ("agreed", "agre"),
        ("proceed", "proceed"),
        ("happy", "happi"),
        ("say", "say"),
        ("generalization", "general"),
        ("relational", "relat"),
        ("conditional", "condit"),
        ("communication", "communic"),
        ("electricity", "electr"),
        ("hopefulness", "hope"),
        ("replacement", "replac"),
        ("controlled", "control"),
        ("rate", "rate"),
        ("yellow", "yellow"),
        ("enjoyed", "enjoy"),
        ("news", "news"),
        ("internal", "internal"),
        ("paste", "paste"),
    ],
)
def test_forms_of_a_word_have_one_stem(word: str, stem: str) -> None:
    assert analyse(word).words == (stem,)


def test_words_are_stemmed_and_stop_words_dropped() -> None:
    assert analyse("The connections were failing, and we couldn't connect").words == ("connect", "fail", "connect")


def test_the_whole_does_not_stand_for_another_identifier() -> None:
    assert "hdfs-1234" not in every("HDFS-12345 and 1234")
    assert "user_id" not in every("user.id")


def test_a_lexeme_too_long_to_be_typed_is_dropped() -> None:
    assert every("x" * (LONGEST_LEXEME + 1)) == set()
    assert every("é" * LONGEST_LEXEME + " ok") == {"e" * LONGEST_LEXEME, "ok"}
    assert every("ж" * LONGEST_LEXEME) == set()  # twice as many bytes


def test_spans_lie_where_the_words_stand() -> None:
    text = "Checkout: getConnection() failed"
    assert [text[span.start : span.end] for span in spans(text)] == ["Checkout", "getConnection", "failed"]


def test_nothing_comes_of_nothing() -> None:
    assert analyse("") == ((), ())
    assert analyse("!!! ... --- \0") == ((), ())


def test_a_megabyte_without_a_space_is_read_in_no_time() -> None:
    assert analyse("a" * 1_000_000) == ((), ())
    assert len(analyse("a." * 300_000).words) == 0
    assert len(analyse("ab." * 300_000).words) == 300_000
