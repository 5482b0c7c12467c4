"""Whether an accelerated model still says what the original says."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precedent.vectors.engine.conversion import original, recall, remember
from precedent.vectors.engine.model_config import NotAccelerated
from precedent.vectors.engine.model_files import ModelFiles
from precedent.vectors.engine.openvino import OpenVINOEngine

# Lengths from a word to beyond the window, prose, code, logs, other scripts: what the platform reads.
SAMPLE = (
    "disk full",
    "Checkout fails because the connection pool is exhausted.",
    "x509: certificate has expired or is not yet valid: current time 2026-01-02T08:00:00Z is after 2026-01-01",
    "def retry(call, attempts=3):\n    for attempt in range(attempts):\n        try:\n            return call()",
    "java.lang.NullPointerException\n\tat org.apache.hadoop.hdfs.DFSClient.close(DFSClient.java:310)",
    "Zażółć gęślą jaźń. Błąd połączenia z bazą danych po aktualizacji.",
    "データベースの接続がタイムアウトしました。再試行してください。",
    "Fix #1234: don't drop the last batch when the queue closes while a flush is under way (see also #1199)",
    "SELECT o.id FROM orders o JOIN items i ON i.order_id = o.id WHERE o.state = 'open' ORDER BY o.created_at",
    "The renderer keeps every page of the manifest in memory. " * 8,
    "2026-03-01 12:00:01 ERROR [worker-7] broker.Consumer rebalance in progress, partition lost; " * 12,
    "After the deployment of release 2025.23 users are logged out at every request. " * 40,
)
LEAST_COSINE = 0.999


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines between the vectors of the accelerated and the original model, over the sample."""

    mean: float
    lowest: float

    @property
    def accepted(self) -> bool:
        """Whether the accelerated model may stand for the original."""
        return self.lowest >= LEAST_COSINE


def agreement_of(files: ModelFiles, folder: Path, engine: OpenVINOEngine) -> Agreement:
    """Compare, once per converted model, precision and OpenVINO release.

    Raises:
        NotAccelerated: they differ; what was found is kept, so that the next start need not compare again.
    """
    import openvino as ov

    name = f"agreement-{engine.precision}-{ov.__version__.split('-')[0]}.json"
    known = recall(folder, name)
    if known is None:
        ours, _ = engine.encode(SAMPLE)
        theirs = original(files).encode(list(SAMPLE), normalize_embeddings=True, show_progress_bar=False)
        cosines = (ours * np.asarray(theirs, dtype=np.float32)).sum(axis=1)
        known = {"mean": float(cosines.mean()), "lowest": float(cosines.min()), "texts": len(SAMPLE)}
        remember(folder, name, known)
    found = Agreement(known["mean"], known["lowest"])
    if not found.accepted:
        raise NotAccelerated(
            f"in {engine.precision} a sample's vectors agree with the original's to a cosine of {found.lowest:.4f} "
            f"only (at least {LEAST_COSINE} is asked for)"
        )
    return found
