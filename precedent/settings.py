"""Where state lives and which server holds it, read from the environment."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from precedent.errors import UsageError
from precedent.folders import expanded

PROJECT_ROOT = Path(__file__).resolve().parents[1]

DEFAULT_MAX_BODY_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the environment decides; one instance per process.

    Attributes:
        home: Folder for the embedded server, Dagster's local files and model caches (`PRECEDENT_HOME`).
        database_url: An external PostgreSQL for the owner role, or None for the embedded one
            (`PRECEDENT_DATABASE_URL`).
        app_database_url: The application role's own URL, where a DBA made that role
            (`PRECEDENT_APP_DATABASE_URL`).
        dagster_database_url: Dagster's storage; by default a second database on the same server
            (`PRECEDENT_DAGSTER_DATABASE_URL`).
        max_body_bytes: Records beyond this size are rejected (`PRECEDENT_MAX_BODY_BYTES`).
        model_path: Folder of the embedding model instead of the packaged one (`PRECEDENT_MODEL_PATH`).
        reranker: Folder of a cross-encoder that `--rerank` reads the first results again with; None where there is
            none (`PRECEDENT_RERANKER`).
    """

    home: Path
    database_url: str | None = None
    app_database_url: str | None = None
    dagster_database_url: str | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    model_path: Path | None = None
    reranker: Path | None = None

    @property
    def model_cache(self) -> Path:
        """Where converted models are kept."""
        return self.home / "models"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read the environment; raises UsageError naming the variable that does not parse."""
        env = os.environ
        body = env.get("PRECEDENT_MAX_BODY_BYTES", str(DEFAULT_MAX_BODY_BYTES))
        if not re.fullmatch("0*[1-9][0-9]{0,11}", body):
            raise UsageError(
                f"PRECEDENT_MAX_BODY_BYTES must be a positive number of bytes, not {body[:20]!r}: correct it."
            )
        model, reranker = env.get("PRECEDENT_MODEL_PATH"), env.get("PRECEDENT_RERANKER")
        return cls(
            home=expanded(env.get("PRECEDENT_HOME") or str(PROJECT_ROOT / ".precedent"), "PRECEDENT_HOME").resolve(),
            database_url=env.get("PRECEDENT_DATABASE_URL") or None,
            app_database_url=env.get("PRECEDENT_APP_DATABASE_URL") or None,
            dagster_database_url=env.get("PRECEDENT_DAGSTER_DATABASE_URL") or None,
            max_body_bytes=int(body),
            model_path=expanded(model, "PRECEDENT_MODEL_PATH") if model else None,
            reranker=expanded(reranker, "PRECEDENT_RERANKER") if reranker else None,
        )
