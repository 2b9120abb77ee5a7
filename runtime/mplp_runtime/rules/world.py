"""What cross-file rules may know: the facts of each document, and a view of all of them.

Facts are small, hashable and comparable: if an edit leaves a document's facts equal, no other document
can be affected by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Protocol

from mplp_runtime.rules.findings import Pointer

if TYPE_CHECKING:
    from mplp_runtime.settings import Settings


class StepFacts(NamedTuple):
    """What the graph rules need of one step. Members that are absent or of a wrong type are None."""

    step_id: str | None
    dependencies: tuple[str | None, ...]
    status: str | None
    agent_role: str | None
    order_index: int | None


class EntryFacts(NamedTuple):
    """What rules need of one entry of another list than `steps`. What is absent or of a wrong type is None.

    `parent` is the segment around a segment, or the trace that an event says it belongs to; `step` and
    `segment` are what its open members name; `started` is the one instant of an entry that has only one.
    `seal` stands for the whole content of an entry that may not change any more. `lacks_role`: a participant
    has no `role_id`, or a blank one; `kind` and `label` are what it is and the name that people see.
    """

    id: str | None = None
    status: str | None = None
    parent: str | None = None
    role: str | None = None
    step: str | None = None
    segment: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    seal: int | None = None
    lacks_role: bool = False
    kind: str | None = None
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Reference:
    """An id in one document that names another document (`kind` = of the target, None = not fixed)."""

    kind: str | None
    id: str
    pointer: Pointer


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What other documents may depend on. `id` is the document's own id (plan_id, context_id, ...)."""

    uri: str
    kind: str
    id: str | None = None
    id_pointer: Pointer = ()
    title: str | None = None
    status: str | None = None
    references: tuple[Reference, ...] = ()
    steps: tuple[StepFacts, ...] = ()
    entries: Mapping[str, tuple[EntryFacts, ...]] = field(default_factory=dict)
    """By the name of the list; `steps` is not among them."""
    started: datetime | None = None
    """When it began (trace, dialog) or was asked for (confirm)."""
    ended: datetime | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    """Of mplp.toml its values (`settings`), of a Collab its `mode`."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """A document at the last save that the graph knows (D22).

    `steps` and `segments` are statuses by id; `sealed` has by id what may not change any more: the decisions
    of a Confirm and the segments of a trace that had ended, each with its `EntryFacts.seal`.
    """

    status: str | None
    steps: Mapping[str, str]
    segments: Mapping[str, str] = field(default_factory=dict)
    sealed: Mapping[str, int] = field(default_factory=dict)


class World(Protocol):
    """All documents of one project, as rules see them. Implemented by the editor's index and the CLI's."""

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:  # noqa: A002  # the protocol's word
        """Documents of `kind` whose own id is `id`, in a stable order (by URI)."""

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        """All documents, or those of one kind, ordered by URI."""

    def settings(self) -> Settings | None:
        """The project's mplp.toml; None where there is none or it cannot be read."""

    def baseline(self, kind: str, id: str) -> Baseline | None:  # noqa: A002
        """What was saved last, None where the graph has not seen this document."""
