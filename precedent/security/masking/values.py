"""What a value looks like: a secret, a token, or a word, reference or placeholder that stands in the place of one."""

import re

# Words that follow `password:` or `token =` and say something about it.
_WORDS = """
    none null nil true false undefined empty unset missing required optional invalid valid expired expires revoked
    rejected accepted changed rotated unknown denied failed disabled enabled encrypted hidden redacted masked filtered
    removed omitted deleted string str int integer bool boolean bytes byte text varchar char uuid number object buffer
    any optional secretstr array list dict map type value data response result input output user username args kwargs
    self this config settings request default field form raw hash hashed generated plain plaintext new old yes no not
    the and for from with must should cannot can was is are has been set reset update updated login logout prompt ask
    via see todo tbd fixme example placeholder auto automatic manual mandatory constant variable parameter function
    return returns const let var await async env environment vault file path stdin secrets secret token password
    username email name length minimum maximum mismatch match error ok okay pending ignored used unused wrong correct
    incorrect bearer basic digest header body query cookie session same available unavailable exchange refresh grant
    nullable readonly writeonly sensitive private public short long weak strong stored rotate keyword identifier
    lost leaked compromised stolen forgotten handling management policy manager reuse shared here below above
    present absent n/a needed unchanged inherit inherited system internal external node
"""
PLACEHOLDER = re.compile(
    r"(?i)(?:\*+|[x•.…_-]+|(?P<one>[a-z])(?P=one){2,}|<.*|\$\{.*|\$\(.*|\$[a-z_]+|%\w*%?|%\(\w*\)s|\{\{.*|\{[\w.:]*\}?"
    r"|#\{.*|\[[a-z* _-]*\]?|your[-_ ].*|!(?:ref|sub|vault|getatt|env|secret|include)\b.*"
    r"|(?:arn:aws:|op://|vault:|env:|file:|ref\+|enc\[).*|https?://[^@\s]*|\W{0,3})\Z",
    re.DOTALL,
)
REFERENCE = re.compile(r"[A-Za-z_$@][\w$]*+(?:(?:\.|->|::|\?\.)[A-Za-z_]\w*+)++(?:[(\[!;].*)?\Z", re.DOTALL)
CALL = re.compile(r"[A-Za-z_$@!][\w.$:!]*+[(\[](?:[^()\n]*[)\]].*)?\Z", re.DOTALL)
ROUTE = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\][\w.-]+(?:[/\\][\w.-]+)*[/\\]?\Z")
# Words of sentences about a password.
_PROSE = """
    your must please enter is are the invalid required cannot should not be for with at least characters forgot
    reset change changed wrong incorrect has been was and or to of a an in on
"""
WORDS, PROSE = frozenset(_WORDS.split()), frozenset(_PROSE.split())
SYMBOL = re.compile(r"[^A-Za-z0-9_.,:;'\-/\\()\[\]{}]")
SEGMENT = re.compile(r"(?=\D*\d\D*\d)\w+|(?=[A-Za-z_]*\d)\w{8,}")


def is_token(value: str) -> bool:
    """True if a value was made by a machine: letters with digits, or upper case within lower case."""
    letters = any(letter.isalpha() for letter in value)
    if letters and any(letter.isdigit() for letter in value):
        return True
    return value[1:] != value[1:].lower() and value != value.upper()


def is_mixed(value: str) -> bool:
    """True if a value holds more than the letters of a word: a digit, a symbol, or upper case inside."""
    return is_token(value) or (SYMBOL.search(value) is not None and any(letter.isalnum() for letter in value))


def is_word(value: str) -> bool:
    """True if a value stands in the place of a secret and is none: a word about it, a type, an empty mark."""
    return value.strip(".,;:!?()[]{}").lower() in WORDS or is_placeholder(value)


def is_placeholder(value: str) -> bool:
    """True if a value is an empty mark, a variable or a template."""
    return PLACEHOLDER.match(value) is not None


def is_reference(value: str) -> bool:
    """True if a value is code or a path that leads to a secret."""
    if CALL.match(value):
        return True
    if REFERENCE.match(value):
        return not any(SEGMENT.fullmatch(part) for part in value.split("."))
    if value.count("/") > 1 and value == value.lower() and not any(sign in value for sign in ("+", "=", "//")):
        return True
    return ROUTE.match(value) is not None and ("." in value or value == value.lower())


def is_prose(value: str) -> bool:
    """True if a value of several words is a sentence."""
    words = value.lower().split()
    if len(words) < 2 or any(is_mixed(word.strip(".,:;!?'\"")) for word in words):
        return False
    return not PROSE.isdisjoint(word.strip(".,:;!?'\"") for word in words)
