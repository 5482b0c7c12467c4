"""How much of the documents' text no vector stands for: beyond the model's window, or in no passage at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from precedent.quality.samples import CutDocument
from precedent.text.chunking.tokens import SPECIAL_TOKENS, TokenCounter

RECOUNTED = 256


@dataclass(frozen=True, slots=True)
class TextLoss:
    """Tokens that are not read.

    Attributes:
        passages: How many passages the source has.
        tokens: Their tokens, as counted when they were cut.
        cut: Share of tokens beyond the model's window.
        documents: How many documents were compared with their passages.
        lost: Share of these documents' tokens that are in no passage.
    """

    passages: int
    tokens: int
    cut: float
    documents: int
    lost: float


def text_loss(
    documents: Sequence[CutDocument], counter: TokenCounter, *, passages: int, tokens: int, beyond: int
) -> TextLoss:
    """Compare documents with their passages, and passages with the window.

    Args:
        documents: A sample with their passages, each of which begins with the title.
        counter: The model's tokenizer and window.
        passages: All passages of the source.
        tokens: Their tokens, as stored.
        beyond: Those of them beyond the window, as stored.
    """
    again = [passage for document in documents for passage in document.passages][:RECOUNTED]
    counts = [count + SPECIAL_TOKENS for count in counter.counts_of_many(again)]
    # Stored counts may be another tokenizer's: the sample is counted anew, and the worse of both is reported.
    recounted = sum(max(count - counter.window, 0) for count in counts) / max(sum(counts), 1)
    return TextLoss(
        passages=passages,
        tokens=tokens,
        cut=max(beyond / max(tokens, 1), recounted),
        documents=len(documents),
        lost=_lost(documents, counter),
    )


def _lost(documents: Sequence[CutDocument], counter: TokenCounter) -> float:
    gaps = [gap for document in documents for gap in uncovered(document)]
    if not gaps:
        return 0.0
    whole = counter.counts_of_many([f"{document.title}\n{document.text}" for document in documents])
    return min(sum(counter.counts_of_many(gaps)) / max(sum(whole), 1), 1.0)


def uncovered(document: CutDocument) -> list[str]:
    """The parts of a document that stand in none of its passages; blanks do not count."""
    title = " ".join(document.title.split())
    rest_of_title, used = _title_left(title, document.passages)
    gaps = [rest_of_title]
    text = document.text
    reached = searched = 0
    for passage in document.passages[used:]:
        # Without a title above it, the passage itself.
        start, end = _place(text, (passage, passage.partition("\n")[2]), searched, reached)
        if start < 0:
            continue  # of another text: it covers nothing here
        gaps.append(text[reached:start])
        # Passages overlap: the next begins after this one's start, often before its end.
        searched, reached = max(searched, start), max(reached, end)
    gaps.append(text[reached:])
    return [gap for gap in gaps if gap.strip()]


def _title_left(title: str, passages: Sequence[str]) -> tuple[str, int]:
    """What is left of a title, and how many passages went into it: a long one has passages of its own, first."""
    head, _, _ = (passages[0] if passages else "").partition("\n")
    reached = len(head) if title.startswith(head) else 0
    for used, passage in enumerate(passages):
        if not title[reached:].strip():
            return "", used
        start, end = _place(title, (passage.partition("\n")[2],), reached, reached)
        if start < 0 or title[reached:start].strip():
            return title[reached:], used
        reached = end
    return title[reached:], len(passages)


def _place(text: str, parts: Sequence[str], after: int, reached: int) -> tuple[int, int]:
    """Where the first of these that is found stands in the text; (-1, -1) where none is.

    In a text that repeats itself it stands in several places: the furthest that leaves no gap is meant.
    """
    border = reached
    while border < len(text) and text[border].isspace():
        border += 1
    known = [part for part in parts if part]
    for part in known:
        start = text.rfind(part, after, border + len(part))
        if start >= 0:
            return start, start + len(part)
    for part in known:
        start = text.find(part, after)
        if start >= 0:
            return start, start + len(part)
    return -1, -1
