"""What a kind of source is: everything that the platform knows of it, in one object."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel, ConfigDict, model_validator

from precedent.http.client import HttpOptions
from precedent.plain_text import can_be_stored
from precedent.settings import DEFAULT_MAX_BODY_BYTES
from precedent.sources.options import check_fields
from precedent.sources.records import RawRecord
from precedent.sources.source import FileSource, LiveSource
from precedent.text.extract.model import Document

Payload = dict[str, Any]


class SourceConfiguration(BaseModel):
    """The part of a source's row that is not secret; each kind has a subclass.

    Every field has a description. One field, or several of which one is given, is marked with `Place`: the WHERE of
    `precedent source add`. The others are its options.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: object) -> object:
        if not can_be_stored(value):
            raise ValueError("a text holds NUL or half of a surrogate pair, which cannot be stored")
        return value

    @property
    def address(self) -> str | None:
        """The HTTP address that is asked, if there is one; a tenant's policy may forbid private ones."""
        return None

    @property
    def live(self) -> bool:
        """True if it is a server that is asked again and again, False if it is files that are read as a whole."""
        return True


Configuration = TypeVar("Configuration", bound=SourceConfiguration)


@runtime_checkable
class Shape(Protocol):
    """A form of payload, and how to read it.

    Attributes:
        name: Stored with every record and never changed; no two shapes of all kinds have the same.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    def recognise(self, payload: Payload) -> bool:
        """True if a payload from a file has this form. Of several shapes that say so the first of its kind is taken.

        Files hold records of any kind: ask for fields that no other system's payloads have together.
        """
        ...

    def record(self, payload: Payload) -> RawRecord:
        """The record of a payload of this form.

        Args:
            payload: An object without NUL characters and lone surrogates; kept as it is.

        Raises:
            UnreadableError: it has no id, a field of the wrong type, or a date that cannot be read.
        """
        ...

    def extract(self, payload: Payload) -> Document:
        """The text and the facts of a record. It never raises: what a payload lacks is left out.

        A comment has no title; without a text it is not searched. Comments that are records of their own are not part
        of the document of their item; those that stand in its payload are its `comments`.

        Modules that read markup take long to import: import them here.

        Args:
            payload: As `record` kept it.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What a source is opened with beside its configuration.

    Attributes:
        key: Its token, password or private key.
        name: What ids began with at the last sync, see `Probe.name`.
        folder: A folder of its own, which need not exist; deleted with the source.
        max_body_bytes: Longer records of files are rejected.
        http: Limits of time and size for `HttpClient`.
    """

    folder: Path
    key: str | None = None
    name: str | None = None
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    http: HttpOptions = field(default_factory=HttpOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceKind(Generic[Configuration]):
    """A kind of source; an entry point of the group `precedent.sources` names one.

    The module with it is imported whenever kinds are listed: it imports clients and readers of markup where they are
    used.

    Attributes:
        name: The entry point's name, and the word of `--kind`.
        title: In words, for lists.
        configuration: What a source is configured with.
        open: Makes a source; asks no server yet. Raises SourceError where there are no files, UsageError where a value
            cannot be.
        key: What its key is, in words; "" where it takes none.
        shapes: The forms of its records.
        interval_s: How often sources are probed, seconds.
        sweeps: True if everything is to be looked at once a day, whatever the server calls unchanged: without
            validators, and with the full listings of streams that sweep.
    """

    name: str
    title: str
    configuration: type[Configuration]
    open: Callable[[Configuration, SourceContext], FileSource | LiveSource]
    key: str = ""
    shapes: tuple[Shape, ...] = ()
    interval_s: int = 60
    sweeps: bool = False

    def __post_init__(self) -> None:
        if not (isinstance(self.configuration, type) and issubclass(self.configuration, SourceConfiguration)):
            raise TypeError(f"the configuration of {self.name} is not a SourceConfiguration")
        for shape in self.shapes:
            if not isinstance(shape, Shape):
                raise TypeError(f"{shape!r} is not a Shape")
        if not callable(self.open) or self.interval_s < 1:
            raise TypeError(f"{self.name} needs something to open it with, and an interval of at least a second")
        check_fields(self.configuration)
