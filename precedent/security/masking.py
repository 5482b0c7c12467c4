"""Secrets, network addresses and e-mail addresses replaced before a text leaves.

Keys and tokens are found by detect-secrets, e-mail addresses confirmed by email-validator and network addresses by
the standard library; nothing is looked up anywhere.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from precedent.errors import ModelError

# Part of a space's identity: raise it when the same text would be masked in another way.
MASKING_VERSION = "1"
EMAIL, ADDRESS, SECRET = "[email]", "[address]", "[secret]"
# By entropy alone every hash and long identifier of an issue would count as a secret.
LEFT_OUT = {"Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "PrivateKeyDetector"}
CHARACTER = r"[A-Za-z0-9_\-.+=]"
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
# Prefixes of keys that detect-secrets 1.5 does not know in their present form.
VENDOR_KEY = re.compile(r"\b(?:sk-(?:ant-|proj-|svcacct-)?|xai-|gsk_|AIza|glpat-|github_pat_|hf_)[A-Za-z0-9_\-]{16,}")
# What a configuration or a header calls a secret, quoted or not; the library wants quotes.
ASSIGNED = re.compile(
    r"(?i)((?<![a-z])(?:password|passwd|pwd|secret|secret[_-]?access[_-]?key|api[_-]?key|(?:access|auth)[_-]?token)"
    r"[ \t]{0,4}[:=][ \t]{0,4}[\"']?)(?!\[secret\])([^\s\"',;]{6,})"
)
HEADER = re.compile(r"(?i)\b((?:bearer|basic)[ \t]{1,4})([A-Za-z0-9._~+/=-]{8,})")
MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# A port or a colon may follow, a label may come before.
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?!\w)")
# Possessive throughout: a text of nothing but colons must not take time with its length cubed.
IPV6 = re.compile(r"(?<![\w.:])(?=[0-9a-fA-F]*+:[0-9a-fA-F]*+:)[0-9a-fA-F:]++(?:(?:\.\d{1,3}){3})?+(?!\w)")


@dataclass(frozen=True, slots=True)
class Masked:
    """Texts that may leave, and how many places in them were replaced."""

    texts: list[str]
    replaced: int


def mask(texts: Sequence[str]) -> Masked:
    """The texts with every secret, network address and e-mail address replaced.

    Raises:
        ModelError: the libraries are not installed.
    """
    found = [_mask_one(text) for text in texts]
    return Masked([text for text, _ in found], sum(count for _, count in found))


def _mask_one(text: str) -> tuple[str, int]:
    text, keys = PRIVATE_KEY.subn(SECRET, text)
    text, vendors = VENDOR_KEY.subn(SECRET, text)
    text, secrets = _mask_secrets(text)
    text, assigned = ASSIGNED.subn(rf"\1{SECRET}", text)
    text, headers = HEADER.subn(rf"\1{SECRET}", text)
    text, mails = _replace_confirmed(MAIL, text, EMAIL, _is_mail)
    text, long = _replace_confirmed(IPV6, text, ADDRESS, _is_address)
    text, short = _replace_confirmed(IPV4, text, ADDRESS, _is_address)
    return text, keys + vendors + secrets + assigned + headers + mails + long + short


def _mask_secrets(text: str) -> tuple[str, int]:
    count = 0
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if len(line) < 8:
            continue
        found = {value for plugin in _plugins() for value in plugin.analyze_string(line) if isinstance(value, str)}
        for value in sorted((value for value in found if value.strip()), key=len, reverse=True):
            # A plugin may give back only a part of what it matched, the prefix of a token for one.
            line, replaced = re.subn(f"{CHARACTER}*{re.escape(value)}{CHARACTER}*", SECRET, line)
            count += replaced
        lines[number] = line
    return "\n".join(lines), count


def _replace_confirmed(pattern: re.Pattern[str], text: str, replacement: str, confirm: Any) -> tuple[str, int]:
    count = 0

    def replaced(match: re.Match[str]) -> str:
        nonlocal count
        if not confirm(match.group()):
            return match.group()
        count += 1
        return replacement

    return pattern.sub(replaced, text), count


def _is_mail(text: str) -> bool:
    try:
        from email_validator import EmailNotValidError, validate_email
    except ImportError as error:
        raise _missing() from error
    try:
        validate_email(text.rstrip("."), check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        # Names of internal hosts (`bob@mail.local`) are refused as destinations, not as addresses.
        return "special-use" in str(error)
    return True


def _is_address(text: str) -> bool:
    # After an address a colon ends it, except for the two that are a part of it.
    text = text[:-1] if text.endswith(":") and not text.endswith("::") else text
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 6 and text.count(":") < 3 and not any(letter.isdigit() for letter in text):
        return False  # `a::b` is a name in C++ before it is an address
    return not (address.is_loopback or address.is_unspecified)


@lru_cache(maxsize=1)
def _plugins() -> tuple[Any, ...]:
    try:
        from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    except ImportError as error:
        raise _missing() from error
    types: Any = get_mapping_from_secret_type_to_class().values()
    return tuple(kind() for kind in types if kind.__name__ not in LEFT_OUT)


def _missing() -> ModelError:
    return ModelError("Masking needs detect-secrets and email-validator: install them with `pip install .[masking]`.")
