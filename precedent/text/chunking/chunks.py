"""Documents into chunks that fit a model's window."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from precedent.text.chunking.passages import Passage, TokenisedText
from precedent.text.chunking.tokens import SPECIAL_TOKENS, TokenCounter

# Part of a chunk's identity: raise it when the same document would be cut in another way.
CHUNKER_VERSION = "1"

# The most documents, and characters of them, that are tokenised at once: memory stays flat.
_SLICE_DOCUMENTS = 512
_SLICE_CHARACTERS = 500_000


@dataclass(frozen=True, slots=True)
class Chunk:
    """The title and a passage, ready for the model.

    `tokens` counts the special ones too. The passage is `text[body_start:body_end]` of the document; a
    chunk with only a title, or with what is left of a title too long to repeat, has an empty range.
    """

    ordinal: int
    text: str
    tokens: int
    body_start: int
    body_end: int


def chunk(title: str, text: str, counter: TokenCounter, *, overlap_tokens: int = 32) -> list[Chunk]:
    """Cut one document; together the chunks hold every word of the title and the text.

    Every chunk begins with the title, or with the start of one longer than a third of the window, whose
    rest then has chunks of its own. Without a title and a text there is nothing to embed and no chunk.

    Args:
        title: Of the document; it stands above each passage.
        text: Without the title.
        counter: The model's tokenizer and window.
        overlap_tokens: How many tokens two neighbouring passages share at most.
    """
    return next(_chunk_slice([(title, text)], counter, overlap_tokens))


def chunk_many(
    documents: Iterable[tuple[str, str]], counter: TokenCounter, *, overlap_tokens: int = 32
) -> Iterator[list[Chunk]]:
    """The same as `chunk` for many pairs of title and text, tokenised in slices."""
    for batch in _slices(documents):
        yield from _chunk_slice(batch, counter, overlap_tokens)


def _slices(documents: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    characters = 0
    for document in documents:
        batch.append(document)
        characters += len(document[1])
        if len(batch) >= _SLICE_DOCUMENTS or characters >= _SLICE_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Piece:
    """A chunk to be: the passage of the title or of the text it holds beside the context."""

    of: TokenisedText
    source: str
    context: str
    passage: Passage
    is_body: bool
    budget: int

    def composed(self) -> str:
        said = self.source[self.passage.start : self.passage.end]
        return f"{self.context}\n{said}" if self.context and said else self.context or said

    def smaller(self) -> list["_Piece"]:
        """The same passage in smaller pieces, for the rare case that the pieces of a cut word are more."""
        budget = max(1, self.budget * 3 // 4)
        parts = self.of.split(self.passage, budget)
        return [_Piece(self.of, self.source, self.context, part, self.is_body, budget) for part in parts]


def _chunk_slice(documents: list[tuple[str, str]], counter: TokenCounter, overlap: int) -> Iterator[list[Chunk]]:
    titles = [" ".join(title.split()) for title, _ in documents]
    title_tokens = counter.offsets_of_many(titles)
    text_tokens = counter.offsets_of_many([text for _, text in documents])
    plans = [
        _planned(title, of_title, text, of_text, counter.window, overlap)
        for title, of_title, (_, text), of_text in zip(titles, title_tokens, documents, text_tokens, strict=True)
    ]
    counts = iter(counter.counts_of_many([piece.composed() for plan in plans for piece in plan]))
    for plan in plans:
        counted = [(piece, next(counts)) for piece in plan]
        fitting = [fit for piece, count in counted for fit in _fitted(piece, count, counter)]
        yield [
            Chunk(
                ordinal,
                piece.composed(),
                count + SPECIAL_TOKENS,
                piece.passage.start if piece.is_body else 0,
                piece.passage.end if piece.is_body else 0,
            )
            for ordinal, (piece, count) in enumerate(fitting)
        ]


def _planned(
    title: str,
    title_offsets: list[tuple[int, int]],
    text: str,
    text_offsets: list[tuple[int, int]],
    window: int,
    overlap: int,
) -> list[_Piece]:
    room = window - SPECIAL_TOKENS
    of_title = TokenisedText(title, title_offsets)
    of_text = TokenisedText(text, text_offsets)
    pieces: list[_Piece] = []
    context, used = title, len(of_title)
    if used > window // 3:
        head = next(of_title.passages(max(1, window // 3), 0))
        context = title[: head.end]
        used = sum(1 for start, _ in title_offsets if start < head.end)
        rest = Passage(head.end, len(title))
        budget = max(1, room - used)
        pieces += [
            _Piece(of_title, title, context, part, is_body=False, budget=budget)
            for part in of_title.split(rest, budget)
        ]
    if text.strip():
        budget = max(1, room - used)
        pieces += [
            _Piece(of_text, text, context, passage, is_body=True, budget=budget)
            for passage in of_text.passages(budget, overlap)
        ]
    elif title and not pieces:
        pieces.append(_Piece(of_title, title, title, Passage(0, 0), is_body=False, budget=room))
    return pieces


def _fitted(piece: _Piece, count: int, counter: TokenCounter) -> Iterator[tuple[_Piece, int]]:
    if count + SPECIAL_TOKENS <= counter.window or piece.budget == 1:
        yield piece, count
        return
    parts = piece.smaller()
    for part, part_count in zip(parts, counter.counts_of_many([part.composed() for part in parts]), strict=True):
        yield from _fitted(part, part_count, counter)
