import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from precedent.security.masking import ADDRESS, EMAIL, SECRET, count_marks, mask, mask_fields
from tests.masking.corpus import SEED, samples, scores

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
    masked = [mask(text) for text in (f"It failed with {secret}", f"({secret}", f"{secret}\n", "nothing")]
    assert masked == [f"It failed with {SECRET}", f"({SECRET}", f"{SECRET}\n", "nothing"]
    assert count_marks(masked) == 3


def test_what_surrounds_a_secret_stays() -> None:
    text = f'first line\npostgresql://admin:hunter22@db.internal/prod\napi_key: "abcd1234efgh5678"\n\n{PRIVATE}\nlast\n'
    assert mask(text) == (
        f'first line\npostgresql://admin:{SECRET}@db.internal/prod\napi_key: "{SECRET}"\n\n{SECRET}\nlast\n'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("write to mira.k+ops@harbor.example.", f"write to {EMAIL}."),
        ("Mira <mira@mail.local>, ola@firma.co.uk", f"Mira <{EMAIL}>, {EMAIL}"),
        ("zażółć@exämple", "zażółć@exämple"),
        ("@app.route and user@localhost", f"@app.route and {EMAIL}"),
        ("a..b@corp.com\nroot@localhost", f"{EMAIL}\n{EMAIL}"),
        ("git@github.com:acme/x.git", "git@github.com:acme/x.git"),
    ],
)
def test_addresses_of_mail(text: str, expected: str) -> None:
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected", "places"),
    [
        ("10.0.0.1:5432 refused", f"{ADDRESS}:5432 refused", 1),
        ("peer:10.0.0.1, 192.168.1.0/24", f"peer:{ADDRESS}, {ADDRESS}/24", 2),
        ("12:30:45:10.0.0.1", f"12:30:45:{ADDRESS}", 1),
        ("at 203.0.113.9. Then", f"at {ADDRESS}. Then", 1),
        ("host10.1.2.3 and\n10.1.2.4", f"host{ADDRESS} and\n{ADDRESS}", 2),
        ("2001:db8::17: refused", f"{ADDRESS} refused", 1),
        ("http://[2001:DB8::1]:80/ and fe80::1%eth0.", f"http://[{ADDRESS}]:80/ and {ADDRESS}%eth0.", 2),
        ("::ffff:10.1.2.3 2001:db8:0:0:0:0:0:17", f"{ADDRESS} {ADDRESS}", 2),
    ],
)
def test_addresses_of_hosts(text: str, expected: str, places: int) -> None:
    masked = mask(text)
    assert (masked, count_marks([masked])) == (expected, places)


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
        "issue:auth:HL-12345 and commit:secret-key:5f0c2a91",
        "def retry(call): return call()  # token by token",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert mask(text) == text


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([AWS, "mira@harbor.example", "10.2.3.4", "2001:db8::17", "pool", "é\n", ": ", " "])))
def test_masking_again_changes_nothing_and_nothing_planted_is_left(parts: list[str]) -> None:
    once = mask(" ".join(parts))
    assert mask(once) == once
    for planted in (AWS, "mira@harbor.example", "10.2.3.4", "2001:db8::17"):
        assert planted not in once
    assert count_marks([once]) == sum(part[:1].isalnum() and part != "pool" and part != "é\n" for part in parts)


@pytest.mark.parametrize("text", ["password=-----BEGIN RSA PRIVATE KEY------ a\n", 'PASSWORT=0000"00:'])
def test_what_is_left_beside_a_mark_is_no_value(text: str) -> None:
    assert mask(text) != text
    assert mask(mask(text)) == mask(text)


REPEATED = [
    "ip-eyJ",
    "a@b.aaaaaaaa",
    'Authorization: Digest a="',
    "--token |\n  ",
    "name: token value: |\n  ",
    "SG.a-",
    ":",
    "ab:",
    "a@b.",
    "1.",
    "eyJ.",
    "://:@",
    "://a:",
    "-----BEGIN PRIVATE KEY-----",
    "api_key",
    "api_key=",
    "token=a=",
    "x&pwd=a",
    '"pwd":"',
    "password: |\n  ",
    "password is ",
    "name=key\n",
    "Cookie: a=",
    "Authorization: ",
    "Bearer ",
    "mysql ",
    "mysql -p",
    "curl -u a:",
    "a-",
    "a@",
    "\\n",
    "'",
    "A" * 64 + " ",
    "<password>",
    "password (",
    "key | ",
]


@pytest.mark.parametrize("part", REPEATED)
def test_time_grows_with_the_length_and_not_faster(part: str) -> None:
    def seconds(characters: int) -> float:
        text = part * (characters // len(part)) + "g"
        found = []
        for _ in range(3):
            began = time.process_time()
            mask(text)
            found.append(time.process_time() - began)
        return min(found)

    # Eight times the text: 64 times the time if it were quadratic.
    assert seconds(40_000) < 24 * max(seconds(5_000), 0.002)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2", f"password={SECRET}"),
        ("DB_PASSWORD: hunter22;", f"DB_PASSWORD: {SECRET};"),
        ("aws_secret_access_key = " + "wJalr" * 8, f"aws_secret_access_key = {SECRET}"),
        ("token: abcd1234", f"token: {SECRET}"),
        ("api_token=abcd1234", f"api_token={SECRET}"),
        ("secret_key=abcd1234", f"secret_key={SECRET}"),
        ("refresh_token=1//0abcd", f"refresh_token={SECRET}"),
        ('{"accessToken": "abcd1234"}', f'{{"accessToken": "{SECRET}"}}'),
        ("DB_PASS=lantern", f"DB_PASS={SECRET}"),
        ("Cookie: sid=abcd; theme=dark", f"Cookie: {SECRET}"),
        ("Set-Cookie: sid=abcd; Path=/", f"Set-Cookie: sid={SECRET}; Path=/"),
        ("npm_" + "aB3" * 12, SECRET),
        ("mysql -u root -phunter2 app", f"mysql -u root -p{SECRET} app"),
        ("first\npassword=hunter2\nlast", f"first\npassword={SECRET}\nlast"),
        (r"first\npassword=hunter2\nlast", rf"first\npassword={SECRET}\nlast"),
        (r"{\"api_key\": \"abcd1234\"}", rf"{{\"api_key\": \"{SECRET}\"}}"),
        ("- name: DB_PASSWORD\n  value: hunter2", f"- name: DB_PASSWORD\n  value: {SECRET}"),
        (
            "key: |\n  secret words\npassword: |\n  one\n  two\nlast",
            f"key: |\n  secret words\npassword: |\n  {SECRET}\nlast",
        ),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {SECRET}"),
        ("the password is long gone", "the password is long gone"),
        ("a bearer of bad news", "a bearer of bad news"),
    ],
)
def test_what_is_called_a_secret_is_replaced(text: str, masked: str) -> None:
    assert (mask(text), mask(masked)) == (masked, masked)


class Note(BaseModel):
    title: str
    lines: tuple[str, ...]
    at: datetime
    more: "Note | None" = None


def test_each_field_of_a_value_is_masked() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    note = Note(title="of mira@harbor.example", lines=("one", "password=hunter2"), at=at)
    masked = mask_fields(Note(title="plain", lines=(), at=at, more=note))
    assert masked.more == Note(title=f"of {EMAIL}", lines=("one", f"password={SECRET}"), at=at)


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_of_the_labelled_corpus_nearly_all_is_found_and_little_else(seed: int) -> None:
    corpus = samples(seed)
    found, wrong = scores(corpus)
    assert sum(score.secrets for score in found.values()) >= 400
    assert sum(score.harmless for score in found.values()) >= 400
    for kind, score in found.items():
        assert score.recall >= 0.98, (kind, wrong)
        assert score.precision >= 0.95, (kind, wrong)


def test_masking_the_corpus_again_changes_nothing() -> None:
    for sample in samples():
        once = mask(sample.text)
        assert mask(once) == once
