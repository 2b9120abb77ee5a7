"""Wrong habits that are easy to name and to repair: foreign spellings of keys and ids, other versions.

They speak before the schema does, at the same place, because they say what to do instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.kinds import MODULES
from mplp_runtime.rules import shape
from mplp_runtime.rules.choice import has_schema, schema_for
from mplp_runtime.rules.explain import explain_uuid, is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Severity, Stage
from mplp_runtime.rules.order import order_of
from mplp_runtime.rules.words import label, quoted, snake_case
from mplp_schemas.formats import is_uuid

# Fields of which an invariant says that they are a UUID of version 4.
_IDS_OF_INVARIANTS = tuple(
    (name,) for name in ("event_id", "pipeline_id", "graph_id", "execution_id", "sample_id")
)
SUPPORTED_VERSION = "1.0.0"


def habit_findings(kind: str, value: object) -> list[Finding]:
    """The habits in a whole document, ordered by place."""
    if not has_schema(kind):
        return []
    name = schema_for(kind, value)
    return sorted([*_version(kind, value), *_walk(name, (), value, (), None)], key=order_of)


def header_habit_findings(kind: str, header: object) -> list[Finding]:
    """The habits outside the entries of top-level lists."""
    return habit_findings(kind, header)


def element_habit_findings(
    kind: str, field: str, element: object, schema_name: str | None = None
) -> list[Finding]:
    """The habits in one entry of the top-level list `field`; places inside the entry."""
    if schema_name is None:
        if not has_schema(kind):
            return []
        schema_name = schema_for(kind, None)
    return sorted(_walk(schema_name, (field, shape.ANY_INDEX), element, (), field), key=order_of)


def _walk(
    name: str, prefix: Pointer, value: object, pointer: Pointer, table: str | None
) -> Iterator[Finding]:
    """Every habit in `value`, as far as the schema looks.

    An open object may have any keys, so there another spelling of a key that is not needed is odd only. No
    entry of a top-level list is open and has known keys: whatever is found there is a fault to the schema too
    (`own_element_findings` relies on it).
    """
    if isinstance(value, Mapping):
        known = shape.known_properties(name, prefix + pointer)
        is_closed = shape.is_closed(name, prefix + pointer)
        required = shape.required_properties(name, prefix + pointer)
        for key, member in value.items():
            if key in known:
                yield from _walk(name, prefix, member, (*pointer, key), table)
            else:
                # What an open root holds besides its two keys is the author's own.
                free = required if prefix + pointer == ("root",) else known
                free = known if is_closed else _not_there(free, value)
                yield from _key(key, free, value, pointer, None if is_closed else required)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _walk(name, prefix, entry, (*pointer, index), table)
    elif isinstance(value, str):
        yield from _id(name, prefix, value, pointer, table)


def _not_there(known: tuple[str, ...], owner: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(name for name in known if name not in owner)


def _key(
    key: str,
    known: tuple[str, ...],
    owner: Mapping[str, object],
    pointer: Pointer,
    needed: tuple[str, ...] | None = None,
) -> Iterator[Finding]:
    """`needed`: what an open object cannot be without; None in a closed one, where all keys are."""
    stripped = key.strip()
    spelled = snake_case(key)
    if stripped != key and stripped in known:
        code, meant = "key-blank", stripped
        message = f"This key has blanks around it. Write `{meant}`."
    elif spelled != key and spelled in known:
        code, meant = "key-not-snake-case", spelled
        message = f"`{key}` is written `{meant}` in MPLP."
    else:
        return
    data: dict[str, object] = {"suggestion": meant}
    if meant in owner:
        message += f" `{meant}` is there already."
        data = {"taken": meant}
    severity = Severity.ERROR if needed is None or meant in needed else Severity.WARNING
    yield Finding(code, message, severity, Stage.HABIT, Place((*pointer, key), "key"), data=data)


def _id(name: str, prefix: Pointer, value: str, pointer: Pointer, table: str | None) -> Iterator[Finding]:
    """Ids in upper case, and where a schema takes any UUID, those that no MPLP document can have."""
    pattern = shape.keyword(name, prefix + pointer, "pattern")
    is_strict = isinstance(pattern, str) and "-4[0-9a-f]{3}-" in pattern
    if is_id(value) or (not is_strict and shape.keyword(name, prefix + pointer, "format") != "uuid"):
        return
    if is_id(value.lower()):
        told = "Ids are written in lower case."
        severity = Severity.ERROR if is_strict or pointer[-1:] in _IDS_OF_INVARIANTS else Severity.WARNING
        code, data = "id-upper-case", {"suggestion": value.lower()}
    elif not is_strict and is_uuid(value) and pointer[-1:] not in _IDS_OF_INVARIANTS:
        told = f"It {explain_uuid(value).reason}, as all ids of documents are."
        code, severity, data = "id-version-other", Severity.WARNING, {}
    else:
        return
    message = f"{label(pointer, table)} is {quoted(value)}. {told}"
    yield Finding(code, message, severity, Stage.HABIT, Place(pointer), data=data)


def _version(kind: str, value: object) -> Iterator[Finding]:
    """A Core says a second time which protocol it is about."""
    if not isinstance(value, Mapping) or kind not in MODULES:
        return
    meta = value.get("meta")
    own = meta.get("protocol_version") if isinstance(meta, Mapping) else None
    yield from _unsupported(own, ("meta", "protocol_version"))
    if kind == "core" and value.get("protocol_version") != own:
        yield from _unsupported(value.get("protocol_version"), ("protocol_version",))


def _unsupported(version: object, pointer: Pointer) -> Iterator[Finding]:
    numbers = version.split(".") if isinstance(version, str) else []
    if version == SUPPORTED_VERSION or len(numbers) != 3 or not all(map(_is_number, numbers)):
        return
    is_same_major = numbers[0] == SUPPORTED_VERSION.split(".", maxsplit=1)[0]
    yield Finding(
        "protocol-version-unsupported",
        f"This document says protocol {version}. Here it is checked as {SUPPORTED_VERSION}.",
        Severity.INFORMATION if is_same_major else Severity.WARNING,
        Stage.HABIT,
        Place(pointer),
        data={"suggestion": SUPPORTED_VERSION},
    )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
