"""What servers of records answer: a reply, or an error that says whether and when to try again."""

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from precedent.errors import SourceFault
from precedent.http.answers import Answer, judged
from precedent.retry import LONGEST_LIMIT_S, Limited, Trouble
from tests.fuzz.cases import cases, within
from tests.fuzz.claims import is_sentence, is_storable
from tests.fuzz.strategies.answers import BODIES, statuses, waits, words
from tests.fuzz.strategies.values import texts

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
bodies = st.one_of(
    st.sampled_from(BODIES),
    texts,
    texts.map(lambda text: f'{{"message": "{text}"}}'),
    st.just('{"message": "a\\u0000\\u001b[2Jb"}'),
)
others = st.dictionaries(st.sampled_from(["link", "content-type", "x"]), words, max_size=2)


def is_wait(seconds: float) -> None:
    assert math.isfinite(seconds)
    assert 0 < seconds <= LONGEST_LIMIT_S


@cases(100)
@given(statuses, bodies, waits, others, st.sampled_from([dict, list]))
def test_an_answer_is_a_reply_or_a_known_error(
    status: int, body: str, limits: dict[str, str], more: dict[str, str], expect: type
) -> None:
    answer = Answer(status, {**limits, **more}, body.encode(errors="replace"))
    with within(2.0):
        try:
            reply = judged(answer, "The server", "issues", expect=expect, whole=True, now=NOW)
        except Limited as error:
            is_wait(error.wait_s)
            is_storable(error.reason)
        except Trouble as error:
            is_storable(error.reason)
        except SourceFault as error:
            is_sentence(error)
        else:
            assert isinstance(reply.data, expect)
            assert reply.next_link is None or ">" not in reply.next_link
