"""Values to plant, made by code at run time: none of them was ever a key of anybody, and no scanner finds one here."""

import base64
import json
import random
import string
import uuid
from collections.abc import Callable

LETTERS = string.ascii_letters + string.digits
_WORDS = (
    "harbor lantern copper willow meadow falcon granite ember orchid tundra cobalt maple river signal anchor velvet"
)
WORDS = _WORDS.split()
SYMBOLS = "!#%*+-_.^~?"


def letters(chosen: random.Random, count: int, alphabet: str = LETTERS) -> str:
    """So many characters; with a digit, an upper and a lower letter where the alphabet has them all."""
    found = "".join(chosen.choices(alphabet, k=count))
    return "aB3" + found[3:] if alphabet == LETTERS and count > 6 else found


def password(chosen: random.Random) -> str:
    """What people choose: words with a number, random letters, letters with symbols, one word alone."""
    style = chosen.randrange(4)
    if style == 0:
        return chosen.choice(WORDS).title() + chosen.choice(SYMBOLS) + chosen.choice(WORDS) + str(chosen.randrange(100))
    if style == 1:
        return letters(chosen, chosen.randrange(8, 24))
    if style == 2:
        return "p" + "".join(chosen.choices(LETTERS + SYMBOLS, k=chosen.randrange(8, 20))) + "7z"
    return chosen.choice(WORDS) + chosen.choice(WORDS)


def encoded(chosen: random.Random, size: int) -> str:
    """So many random bytes in base64."""
    return base64.b64encode(chosen.randbytes(size)).decode()


def lines(chosen: random.Random, count: int) -> str:
    """Lines of 64 characters of base64, the last one shorter."""
    body = [encoded(chosen, 48) for _ in range(count)]
    return "\n".join([*body, encoded(chosen, 31)])


def key(chosen: random.Random, kind: str = "RSA ", count: int = 6) -> str:
    """A private key in PEM; its bytes are random."""
    what = f"{kind}PRIVATE KEY"
    return f"-----BEGIN {what}-----\n{lines(chosen, count)}\n-----END {what}-----"


def jwt(chosen: random.Random) -> str:
    """A signed token; its signature is random."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": str(chosen.randrange(10**9)), "iat": 1_700_000_000}]
    texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*texts, letters(chosen, 43)])


def vendor(prefix: str, count: int, alphabet: str = LETTERS) -> Callable[[random.Random], str]:
    """A token of a vendor: its prefix and random characters."""
    return lambda chosen: prefix + letters(chosen, count, alphabet)


HEX = "0123456789abcdef"
UPPER = string.ascii_uppercase + string.digits
SECRETS: dict[str, Callable[[random.Random], str]] = {
    "password": password,
    "token": lambda chosen: letters(chosen, chosen.randrange(20, 44)),
    "short": lambda chosen: letters(chosen, 9),
    "hexkey": vendor("", 32, HEX),
    "base64": lambda chosen: encoded(chosen, 32),
    "pair": lambda chosen: base64.b64encode(f"user{chosen.randrange(99)}:{password(chosen)}".encode()).decode(),
    "jwt": jwt,
    "aws": vendor("AKIA", 16, UPPER),
    "awssecret": vendor("", 40, LETTERS + "/+"),
    "github": vendor("ghp_", 36),
    "githubpat": vendor("github_" + "pat_", 40, LETTERS + "_"),
    "gitlab": vendor("glpat-", 20, LETTERS + "-_"),
    "slack": lambda chosen: f"xoxb-{chosen.randrange(10**11, 10**12)}-{chosen.randrange(10**11)}-{letters(chosen, 24)}",
    "hook": lambda chosen: f"services/T{letters(chosen, 8, UPPER)}/B{letters(chosen, 8, UPPER)}/{letters(chosen, 24)}",
    "stripe": vendor("sk_" + "live_", 24),
    "openai": vendor("sk-" + "proj-", 48, LETTERS + "-_"),
    "anthropic": vendor("sk-" + "ant-api03-", 60, LETTERS + "-_"),
    "npm": vendor("npm_", 36),
    "google": vendor("AIza", 35, LETTERS + "-_"),
    "sendgrid": lambda chosen: f"SG.{letters(chosen, 22)}.{letters(chosen, 43)}",
    "email": lambda chosen: (
        f"{chosen.choice(WORDS)}.{chosen.choice(WORDS)}{chosen.choice(['', '+ops', '_x', '77'])}@"
        f"{chosen.choice(WORDS)}.{chosen.choice(['example', 'com', 'co.uk', 'local', 'io'])}"
    ),
    "oddmail": lambda chosen: chosen.choice(
        ["user@localhost", "a..b@corp.com", "root@localhost", "x%y@harbor.example"]
    ),
    "ipv4": lambda chosen: (
        f"{chosen.choice([10, 172, 192, 203])}." + ".".join(str(chosen.randrange(1, 255)) for _ in "abc")
    ),
    "ipv6": lambda chosen: f"2001:db8:{chosen.randrange(1, 9999)}::{chosen.randrange(1, 99)}",
    "rsa": key,
    "ec": lambda chosen: key(chosen, "EC ", 2),
    "pkcs8": lambda chosen: key(chosen, "", 8),
    "openssh": lambda chosen: key(chosen, "OPENSSH ", 12),
    "cutkey": lambda chosen: f"-----BEGIN RSA PRIVATE KEY-----\n{lines(chosen, 3)}",
    "keytail": lambda chosen: f"{lines(chosen, 3)}\n-----END RSA PRIVATE KEY-----",
    "keylines": lambda chosen: lines(chosen, 4),
    "escapedkey": lambda chosen: key(chosen, "").replace("\n", "\\n"),
    "crypt": lambda chosen: f"$6${letters(chosen, 8)}${letters(chosen, 43)}",
}


def public(chosen: random.Random, what: str) -> str:
    """What looks like a key in PEM and may be read by all."""
    return f"-----BEGIN {what}-----\n{lines(chosen, 4)}\n-----END {what}-----"


HARMLESS: dict[str, Callable[[random.Random], str]] = {
    "word": lambda chosen: chosen.choice(WORDS),
    "host": lambda chosen: f"{chosen.choice(WORDS)}-{chosen.randrange(99)}.internal",
    "sha1": vendor("", 40, HEX),
    "sha256": vendor("", 64, HEX),
    "uuid": lambda chosen: str(uuid.UUID(int=chosen.getrandbits(128))),
    "version": lambda chosen: ".".join(str(chosen.randrange(30)) for _ in range(3)),
    "number": lambda chosen: str(chosen.randrange(10, 9000)),
    "mac": lambda chosen: ":".join(f"{chosen.randrange(256):02X}" for _ in range(6)),
    "integrity": lambda chosen: "sha512-" + encoded(chosen, 64),
    "image": lambda chosen: "data:image/png;base64," + encoded(chosen, 60),
    "loopback": lambda chosen: chosen.choice(["127.0.0.1", "::1", "127.0.0.53"]),
    "certificate": lambda chosen: public(chosen, "CERTIFICATE"),
    "publickey": lambda chosen: public(chosen, "PUBLIC KEY"),
    "request": lambda chosen: public(chosen, "CERTIFICATE REQUEST"),
    "signature": lambda chosen: public(chosen, "PGP SIGNATURE"),
    "sshkey": lambda chosen: f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letters(chosen, 43)}",
    "sums": lambda chosen: "\n".join(letters(chosen, 64, HEX) for _ in range(3)),
    "variable": lambda chosen: "${" + chosen.choice(WORDS).upper() + "_SECRET}",
}
