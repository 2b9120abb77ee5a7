"""What no schema asks, but sense does: texts that say nothing, and times that run backwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.rules.words import label, quoted

# Texts that are there for people and have to be there; the schema counts a blank as a letter.
_TEXTS: Mapping[str, tuple[Pointer, ...]] = {
    "context": (("title",), ("root", "domain"), ("root", "environment")),
    "plan": (("title",), ("objective",)),
    "confirm": (("requested_by_role",),),
    "role": (("name",),),
    "extension": (("name",),),
    "collab": (("title",), ("purpose",)),
    "core": (("protocol_version",),),
    "network": (("name",),),
}
_TEXTS_OF_ENTRIES: Mapping[str, tuple[str, ...]] = {
    "steps": ("description",),
    "decisions": ("decided_by_role",),
    "segments": ("label",),
    "events": ("source",),
}

# Each pair stands in one object; what is not there is not compared.
_SPANS: tuple[tuple[Pointer, str, str], ...] = (
    ((), "created_at", "updated_at"),
    (("meta",), "created_at", "updated_at"),
    ((), "started_at", "completed_at"),
    (("timestamps",), "started_at", "completed_at"),
)


def header_sense(kind: str, header: Mapping[str, object]) -> Iterator[Finding]:
    """What is odd about a document apart from the entries of its lists."""
    for pointer in _TEXTS.get(kind, ()):
        yield from _saying_nothing(_owner(header, pointer[:-1]), pointer)
    for pointer, first, second in _SPANS:
        yield from _backwards(_owner(header, pointer), pointer, first, second)


def texts_of_entries(field: str) -> tuple[str, ...]:
    """The members of an entry of the top-level list `field` that have to say something if they are texts."""
    return _TEXTS_OF_ENTRIES.get(field, ())


def element_sense(field: str, element: Mapping[str, object]) -> Iterator[Finding]:
    """What is odd about one entry of the top-level list `field`; places inside the entry."""
    for name in texts_of_entries(field):
        yield from _saying_nothing(element, (name,))


def _owner(header: Mapping[str, object], pointer: Pointer) -> Mapping[str, object]:
    value: object = header
    for part in pointer:
        value = value.get(str(part)) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _saying_nothing(owner: Mapping[str, object], pointer: Pointer) -> Iterator[Finding]:
    text = owner.get(str(pointer[-1]))
    if isinstance(text, str) and not text.strip():
        what = "empty" if not text else "blank"
        message = f"{label(pointer)} is {what}: it says nothing to the people who read it."
        yield Finding("text-blank", message, Severity.WARNING, Stage.INVARIANT, Place(pointer))


def _backwards(owner: Mapping[str, object], pointer: Pointer, first: str, second: str) -> Iterator[Finding]:
    begin, end = instant_of(owner.get(first)), instant_of(owner.get(second))
    if begin is None or end is None or begin <= end:
        return
    message = f"`{second}` is {quoted(owner[second])}, which is before `{first}`, {quoted(owner[first])}."
    yield Finding(
        "times-backwards",
        message,
        Severity.WARNING,
        Stage.INVARIANT,
        Place((*pointer, second)),
        (Related(Place((*pointer, first)), f"`{first}` is later."),),
    )
