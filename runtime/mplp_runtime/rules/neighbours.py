"""How a document sees the others of its project: by their folders, names and ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from urllib.parse import unquote, urlsplit

from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.words import quoted
from mplp_runtime.rules.world import DocumentFacts, Reference, World

MOST_RELATED = 20
MOST_SLIPS = 3
"""An id that more than so many documents name is meant, whoever declares it."""


def finding(
    code: str,
    message: str,
    pointer: Pointer,
    severity: Severity,
    related: Sequence[Related] = (),
    stage: Stage = Stage.GRAPH,
    data: Mapping[str, object] | None = None,
) -> Finding:
    """A finding about the value at `pointer`, with the first `MOST_RELATED` of `related`."""
    return Finding(
        code, message, severity, stage, Place(pointer), tuple(related[:MOST_RELATED]), data=data or {}
    )


def reference_at(facts: DocumentFacts, pointer: Pointer) -> Reference | None:
    """The reference that stands at `pointer`; None where there is none, or no well-formed id."""
    return next((reference for reference in facts.references if reference.pointer == pointer), None)


def folder_of(uri: str) -> list[str]:
    """The folders above a file, outermost first."""
    return unquote(urlsplit(uri).path).split("/")[:-1]


def file_name_of(uri: str) -> str:
    """The last part of a URI, as a person writes it."""
    return unquote(urlsplit(uri).path).rsplit("/", 1)[-1]


def described(document: DocumentFacts) -> str:
    """A document as messages call it: by title and file."""
    name = f"`{file_name_of(document.uri)}`"
    return f"{quoted(document.title)} in {name}" if document.title else name


def nearest_to(uri: str, candidates: Iterable[DocumentFacts]) -> DocumentFacts | None:
    """Of several documents the one whose folder shares most with that of `uri`; ties go to the first."""
    here = folder_of(uri)

    def strangeness(candidate: DocumentFacts) -> int:
        there = folder_of(candidate.uri)
        shared = 0
        for own, other in zip(here, there, strict=False):
            if own != other:
                break
            shared += 1
        return len(here) + len(there) - 2 * shared

    return min(candidates, key=strangeness, default=None)


def document_of(facts: DocumentFacts, pointer: Pointer, world: World) -> DocumentFacts | None:
    """The document that `facts` names at `pointer`; of several with that id the nearest."""
    reference = reference_at(facts, pointer)
    if reference is None or reference.kind is None:
        return None
    return nearest_to(facts.uri, world.declarations(reference.kind, reference.id))


def unknown_document(
    code: str, facts: DocumentFacts, reference: Reference, world: World, suggestion: str | None = None
) -> Finding:
    """That no document of the project is the one `reference` names, and which one was probably meant.

    Information where the project has no document of that kind at all, or many documents name the same one:
    it may stand elsewhere. `suggestion` is an id that is known to be meant; else it is one that is nearly the
    same, or the only one beside.
    """
    kind = str(reference.kind)
    known = [
        document
        for document in world.documents(kind)
        if document.id is not None and document.uri != facts.uri
    ]
    # A Confirm has no other name; the rest are words of every day.
    name = "Confirm" if kind == "confirm" else kind
    message = f"No document of this workspace is the {name} `{reference.id}`."
    if not known or _is_named_elsewhere(facts, reference, world):
        return finding(code, message, reference.pointer, Severity.INFORMATION)
    by_id = {str(document.id): document for document in reversed(known)}
    if suggestion not in by_id:
        suggestion = NearIds(by_id).meant(reference.id)
    beside = [document for document in known if folder_of(document.uri) == folder_of(facts.uri)]
    if suggestion is None and len(beside) == 1:
        suggestion = str(beside[0].id)
    if suggestion is None:
        return finding(code, message, reference.pointer, Severity.WARNING)
    meant = by_id[suggestion]
    return finding(
        code,
        f"{message} Did you mean {described(meant)}, `{suggestion}`?",
        reference.pointer,
        # An id that is none is the fault then, and is told where it stands.
        Severity.WARNING if is_id(suggestion) else Severity.INFORMATION,
        [Related(Place(meant.id_pointer, "value", meant.uri), f"This {name} is near.")],
        data={"suggestion": suggestion} if is_id(suggestion) else {},
    )


def _is_named_elsewhere(facts: DocumentFacts, reference: Reference, world: World) -> bool:
    """Whether so many documents name an id that it is no slip. What a plan names, its runs copy: it says
    nothing about a plan."""
    if facts.kind == "plan":
        return False
    others = (
        document
        for document in world.documents()
        if document.uri != facts.uri and any(each.id == reference.id for each in document.references)
    )
    return sum(1 for _ in islice(others, MOST_SLIPS)) == MOST_SLIPS
