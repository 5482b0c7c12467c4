import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from precedent.security.masking import ADDRESS, EMAIL, SECRET, mask

# Put together here, so that no scanner takes this file for a leak.
AWS = "AKIA" + "IOSFODNN7EXAMPLE"
JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    + "eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n7bq\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        AWS,
        JWT,
        "ghp_" + "a1B2" * 9,
        "glpat-" + "abcdefghij0123456789",
        "sk-ant-api03-" + "x" * 30,
        "sk-proj-" + "Ab1" * 10,
        "xai-" + "k" * 40,
        "hf_" + "aB3" * 10,
        "AIza" + "Sy0-_aB" * 5,
        "github_pat_" + "A1" * 20,
        "xoxb-123456789012-123456789012-" + "abcdefghijklmnopqrstuvwx",
        PRIVATE,
        PRIVATE[:60],
    ],
    ids=lambda secret: secret[:12].strip("-"),
)
def test_secrets_are_replaced_as_a_whole(secret: str) -> None:
    masked = mask([f"It failed with {secret}", f"({secret}", "no secret"])
    assert masked.texts == [f"It failed with {SECRET}", f"({SECRET}", "no secret"]
    assert masked.replaced == 2


def test_what_surrounds_a_secret_stays() -> None:
    text = f'first line\npostgresql://admin:hunter22@db.internal/prod\napi_key: "abcd1234efgh5678"\n\n{PRIVATE}\nlast\n'
    assert mask([text]).texts == [
        f'first line\npostgresql://admin:{SECRET}@db.internal/prod\napi_key: "{SECRET}"\n\n{SECRET}\nlast\n'
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to mira.k+ops@harbor.example.", f"write to {EMAIL}."),
        ("Mira <mira@mail.local>, ola@firma.co.uk", f"Mira <{EMAIL}>, {EMAIL}"),
        ("zażółć@exämple", "zażółć@exämple"),
        ("@app.route and user@localhost", "@app.route and user@localhost"),
    ],
)
def test_addresses_of_mail(text: str, expected: str) -> None:
    assert mask([text]).texts == [expected]


@pytest.mark.parametrize(
    ("text", "expected", "places"),
    [
        ("10.0.0.1:5432 refused", f"{ADDRESS}:5432 refused", 1),
        ("peer:10.0.0.1, 192.168.1.0/24", f"peer:{ADDRESS}, {ADDRESS}/24", 2),
        ("12:30:45:10.0.0.1", f"12:30:45:{ADDRESS}", 1),
        ("at 203.0.113.9. Then", f"at {ADDRESS}. Then", 1),
        ("2001:db8::17: refused", f"{ADDRESS} refused", 1),
        ("http://[2001:DB8::1]:80/ and fe80::1%eth0.", f"http://[{ADDRESS}]:80/ and {ADDRESS}%eth0.", 2),
        ("::ffff:10.1.2.3 2001:db8:0:0:0:0:0:17", f"{ADDRESS} {ADDRESS}", 2),
    ],
)
def test_addresses_of_hosts(text: str, expected: str, places: int) -> None:
    masked = mask([text])
    assert (masked.texts, masked.replaced) == ([expected], places)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1, ::1 and 0.0.0.0 are everybody's",
        "release 1.2.3 and v1.2.3.4, 999.1.1.1",
        "at 12:30:45, 2026-01-02T03:04:05Z",
        "00:1A:2B:3C:4D:5E",
        "std::vector<int> a::b dead::beef Foo::Bar",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "the password is required",
        "def retry(call): return call()  # token by token",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert (mask([text]).texts, mask([text]).replaced) == ([text], 0)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([AWS, "mira@harbor.example", "10.2.3.4", "2001:db8::17", "pool", "é\n", ": ", " "])))
def test_masking_again_changes_nothing_and_nothing_planted_is_left(parts: list[str]) -> None:
    once = mask([" ".join(parts)])
    assert mask(once.texts).texts == once.texts
    for planted in (AWS, "mira@harbor.example", "10.2.3.4", "2001:db8::17"):
        assert planted not in once.texts[0]
    assert once.replaced == sum(part[:1].isalnum() and part != "pool" and part != "é\n" for part in parts)


@pytest.mark.parametrize("part", [":", "ab:", "a@b.", "1.", "eyJ.", "://:@", "-----BEGIN PRIVATE KEY-----"])
def test_no_text_takes_long(part: str) -> None:
    mask(["the libraries are loaded"])
    began = time.perf_counter()
    mask([part * (40_000 // len(part)) + "g"])
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2", f"password={SECRET}"),
        ("DB_PASSWORD: hunter22;", f"DB_PASSWORD: {SECRET};"),
        ("aws_secret_access_key = " + "wJalr" * 8, f"aws_secret_access_key = {SECRET}"),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {SECRET}"),
        ("the password is long gone", "the password is long gone"),
        ("a bearer of bad news", "a bearer of bad news"),
    ],
)
def test_what_a_configuration_calls_a_secret_is_replaced_without_quotes_too(text: str, masked: str) -> None:
    found = mask([text])
    assert found.texts == [masked]
    assert found.replaced == (SECRET in masked)
