"""Which names say that their value is a secret."""

import re
from enum import IntEnum

PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
NOT_LETTERS = re.compile(r"[^a-z]+")
# At the end of a name, whatever stands before and between: `PGPASSWORD`, `clientSecret`, `X-Api-Key`.
_STRONG = """
    password passwd passphrase passcode pwd secret apikey secretkey accesskey privatekey signingkey encryptionkey
    masterkey accountkey sharedkey authkey storagekey servicekey hmackey licensekey sessionkey decryptionkey cipherkey
    erlangcookie secretkeybase passwort appkey integrationkey functionkey functionskey subscriptionkey
"""
WEAK = ("token", "authorization", "sessionid", "sessid", "credential", "credentials", "jwt", "clientassertion")
# As a word of its own.
WORDS = {
    "pass": True,
    "pw": True,
    "auth": False,
    "sig": False,
    "signature": False,
    "hmac": False,
    "psk": True,
    "sid": False,
}
# A token of a language or of a list, not one that opens something.
_NO_TOKENS = """
    max min eos pad bos unk mask stop special cls sep next page continuation sync per first last each single
    unexpected cursor total prompt completion input output cached
"""
STRONG, NO_TOKENS = tuple(_STRONG.split()), frozenset(_NO_TOKENS.split())
KEY_BEFORE = re.compile(
    r"(?i)(?<![A-Za-z])(?:api|access|secret|private|encryption|signing|master|account|shared|auth|storage|license)"
    r"[ _-]\Z"
)


class Kind(IntEnum):
    """How much a name says about its value."""

    NONE = 0
    # A value that looks like a token is one.
    WEAK = 1
    # A value is a secret unless it plainly is none.
    STRONG = 2


def kind_of(name: str, before: str = "") -> Kind:
    """What a name says about the value that follows it.

    Args:
        name: An identifier in any style, with dots and dashes.
        before: The characters before it, for `API key`.
    """
    joined = NOT_LETTERS.sub("", name[-60:].lower())
    if joined.endswith(STRONG) or "azureaccountkey" in joined:
        return Kind.STRONG
    parts = [part.lower() for part in PARTS.findall(name[-60:])]
    if not parts:
        return Kind.NONE
    if joined.endswith(WEAK):
        if parts[-1] == "token" and (parts[-2:-1] or before.lower().split()[-1:] or [""])[0] in NO_TOKENS:
            return Kind.NONE
        return Kind.WEAK
    if parts[-1] in WORDS:
        return Kind.STRONG if WORDS[parts[-1]] else Kind.WEAK
    if joined == "key" and KEY_BEFORE.search(before):
        return Kind.STRONG
    return Kind.NONE
