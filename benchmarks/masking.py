"""How much of a labelled corpus masking finds, class by class, and how its time grows with a text's length."""

import time

from precedent.security.masking import mask
from tests.masking.corpus import ROUNDS, SEED, Score, samples, scores

LENGTHS = (10_000, 100_000, 1_000_000)
# The text of a report that took twelve seconds at 6 kB once, and one of ordinary lines.
TEXTS = {
    "one line of `api_key`": "api_key",
    "lines of a log": "2026-01-02T03:04:05Z WARN pool-7 refused ola@harbor.example, token=aB3dE5gH7jK9 (attempt 3)\n",
}


def main() -> None:
    """Print both tables."""
    corpus = samples()
    found, _ = scores(corpus)
    print(f"Corpus of seed {SEED}, {ROUNDS} texts of each template, {len(corpus)} texts\n")
    print("| class | secrets | recall | look-alikes | precision |")
    print("|---|---|---|---|---|")
    total = Score()
    for kind, score in found.items():
        print(_row(kind, score))
        total.secrets += score.secrets
        total.found += score.found
        total.harmless += score.harmless
        total.false += score.false
    print(_row("all", total))
    print("\n| text | " + " | ".join(f"{length:,} characters" for length in LENGTHS) + " |")
    print("|---|" + "---|" * len(LENGTHS))
    for name, part in TEXTS.items():
        print(f"| {name} | " + " | ".join(f"{_seconds(part, length):.3f} s" for length in LENGTHS) + " |")


def _row(kind: str, score: Score) -> str:
    return f"| {kind} | {score.secrets} | {score.recall:.3f} | {score.harmless} | {score.precision:.3f} |"


def _seconds(part: str, length: int) -> float:
    text = part * (length // len(part) + 1)
    began = time.process_time()
    mask(text[:length])
    return time.process_time() - began


if __name__ == "__main__":
    main()
