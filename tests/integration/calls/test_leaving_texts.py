"""What of the texts that are embedded may leave, to whom, and in which form."""

from pathlib import Path

import numpy as np
import pytest

from precedent.providers.testing.behaviour import Behaviour, Step, vector_of
from precedent.vectors.embedding import EmbeddingError
from tests.integration.calls.embedding_chain import MASKED, PLANTED, TEXTS, Providers, arrived, check_vectors

pytest_plugins = ["tests.integration.calls.embedding_chain"]


def test_nothing_leaves_where_the_policy_forbids_it(providers: Providers) -> None:
    own = providers.add("own", server=providers.own, driver="ollama", active=False)
    providers.add("one", fallback=own)
    providers.policy(allow_external=False)
    embedder = providers.open()
    check_vectors(embedder, [PLANTED])
    assert (providers.first.requests, arrived(providers.own)) == ([], [PLANTED])
    assert embedder.served().reasons["one"].startswith("policy: ")


def test_a_private_address_is_not_called_once_the_policy_forbids_it(providers: Providers) -> None:
    providers.add("one")
    check_vectors(providers.open())
    providers.first.behave()
    providers.policy(allow_private_addresses=False)
    with pytest.raises(EmbeddingError, match="forbids private addresses"):
        providers.open().embed(TEXTS)
    assert providers.first.requests == []


def test_a_source_of_its_own_policy_keeps_its_texts(providers: Providers, archive: Path) -> None:
    providers.add("one")
    providers.source("open", archive)
    providers.policy(providers.source("kept", archive), allow_external=False)
    with pytest.raises(EmbeddingError, match="policy of the source kept forbids"):
        providers.open("kept").embed(TEXTS)
    assert providers.first.requests == []
    check_vectors(providers.open("open"))
    check_vectors(providers.open(None))


@pytest.mark.parametrize("whose", ["tenant", "source"])
def test_texts_leave_masked_and_into_a_space_of_their_own(providers: Providers, archive: Path, whose: str) -> None:
    providers.add("one")
    before = providers.open()
    check_vectors(before, [PLANTED])
    assert arrived(providers.first) == [PLANTED]
    providers.policy(providers.source("masked", archive) if whose == "source" else None, mask=True)
    providers.first.behave()
    after = providers.open()
    vectors = after.embed([PLANTED, TEXTS[0]]).vectors
    assert arrived(providers.first) == [MASKED, TEXTS[0]]
    np.testing.assert_allclose(vectors[0], vector_of(MASKED, 8), atol=1e-6)
    assert before.profile != after.profile
    assert after.profile.preprocessing == f"{before.profile.preprocessing}/masked2"
    assert (before.served().masked, after.served().masked) == (0, 4)
    assert [row["masked"] for row in providers.rows()] == [0, 4]


def test_masked_and_unmasked_vectors_never_mix_in_a_chain(providers: Providers) -> None:
    providers.add("one", fallback=providers.add("own", server=providers.own, driver="ollama", active=False))
    providers.policy(mask=True)
    providers.first.script([Step(Behaviour.STATUS, status=500)])
    embedder = providers.open()
    embedder.embed([PLANTED])
    # The own endpoint needs no masking, but its vectors are compared with those of masked texts.
    assert arrived(providers.own) == [MASKED]
    assert embedder.profile.preprocessing.endswith("/masked2")


def test_what_stays_is_not_masked(providers: Providers) -> None:
    providers.add("own", server=providers.own, driver="ollama")
    providers.policy(mask=True)
    embedder = providers.open()
    check_vectors(embedder, [PLANTED])
    assert "masked" not in embedder.profile.preprocessing
