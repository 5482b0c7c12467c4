"""Keys and tokens that can be told by their form alone, whoever they are named by."""

import re
from collections.abc import Iterator

from precedent.security.masking.values import is_token

# At the beginning of a word, or behind a line break that is written as `\n`.
WORD = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
# A part that something must follow is bounded: else each of many beginnings would read to the end of the text.
KNOWN = re.compile(
    WORD
    + r"(?:"
    + "|".join(
        [
            r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA)[A-Z0-9]{16}(?![A-Za-z0-9])",
            r"gh[pousr]_[A-Za-z0-9_]{20,}+",
            r"github_pat_[A-Za-z0-9_]{20,}+",
            r"gl(?:pat|ptt|dt|rt|rtr|cbt|ft|imt|agent|soat|oas|ffct|wt)-[A-Za-z0-9_.=-]{16,}+",
            r"GR1348941[A-Za-z0-9_-]{20}",
            r"xox[abceoprs]-[A-Za-z0-9.-]{10,}+",
            r"xoxe\.xox[bp]-[A-Za-z0-9-]{10,}+",
            r"xapp-[A-Za-z0-9-]{10,}+",
            r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,}+",
            r"whsec_[A-Za-z0-9+/=]{16,}+",
            r"(?:sk-(?:ant|proj|svcacct|admin|or)-|xai-|gsk_|pplx-|r8_|hf_|nvapi-)[A-Za-z0-9_-]{16,}+",
            r"AIza[A-Za-z0-9_-]{30,}+",
            r"ya29\.[A-Za-z0-9_.-]{16,}+",
            r"GOCSPX-[A-Za-z0-9_-]{16,}+",
            r"npm_[A-Za-z0-9]{20,}+",
            r"pypi-[A-Za-z0-9_-]{30,}+",
            r"rubygems_[a-f0-9]{32,}+",
            r"do[opr]_v1_[a-f0-9]{32,}+",
            r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{24,}+",
            r"SG\.[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+",
            r"key-[a-f0-9]{32}(?![A-Za-z0-9])",
            r"sq0(?:atp|csp)-[A-Za-z0-9_-]{20,}+",
            r"NRAK-[A-Z0-9]{20,}+",
            r"NRII-[A-Za-z0-9_-]{20,}+",
            r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}+",
            r"hv[sbr]\.[A-Za-z0-9_-]{20,}+",
            r"ATATT3[A-Za-z0-9_=-]{20,}+",
            r"ATCTT3[A-Za-z0-9_=-]{20,}+",
            r"lin_(?:api|oauth)_[A-Za-z0-9]{20,}+",
            r"fig[du]_[A-Za-z0-9_-]{20,}+",
            r"gl(?:sa|c)_[A-Za-z0-9_=+/-]{20,}+",
            r"PMAK-[A-Za-z0-9-]{30,}+",
            r"dapi[a-f0-9]{32}",
            r"phx_[A-Za-z0-9]{20,}+",
            r"sntry[su]_[A-Za-z0-9_=+/-]{20,}+",
            r"sb[ps]_[a-f0-9]{40}",
            r"dop_[A-Za-z0-9_]{30,}+",
            r"AGE-SECRET-KEY-1[A-Z0-9]{40,}+",
            r"\d{8,10}:AA[A-Za-z0-9_-]{32,}+",
            r"eyJ[A-Za-z0-9_-]{6,1000}+\.[A-Za-z0-9_-]{4,}+(?:\.[A-Za-z0-9_-]*+)*+",
        ]
    )
    + r")"
)
# The oldest form of these keys has no part that says whose they are: it must look like one.
BARE = re.compile(WORD + r"sk-[A-Za-z0-9_-]{20,}+")
# Hooks that post for whoever knows their address.
HOOK = re.compile(
    r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/]{16,}+"
    r"|(?<=discord\.com/api/webhooks/)\d{10,}/[A-Za-z0-9_-]{20,}+"
    r"|(?<=discordapp\.com/api/webhooks/)\d{10,}/[A-Za-z0-9_-]{20,}+"
)
# Hashes of passwords as `crypt` writes them: they can be guessed against.
CRYPT = re.compile(
    r"\$(?:apr1|2[abxy]|[156y]|argon2(?:id|i|d)|scrypt|pbkdf2(?:-[a-z0-9]{1,12})?)\$[A-Za-z0-9./+=,$-]{20,}+"
)


def tokens(text: str) -> Iterator[tuple[int, int]]:
    """Places of tokens whose form is known."""
    for pattern in (KNOWN, HOOK, CRYPT):
        for found in pattern.finditer(text):
            yield found.start(), found.start() + len(found.group().rstrip(".,"))
    for found in BARE.finditer(text):
        if is_token(found.group()[3:]):
            yield found.span()
