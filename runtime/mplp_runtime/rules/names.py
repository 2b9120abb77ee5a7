"""Which places of a document declare or use a name: ids of documents, of their parts, and names of roles.

One table says it for every kind of document. What it says of a place is short for what the text there means:

- `+step`: declares a step; `step`: uses one
- `?role`: an id is that of a Role document, any other text is the name of a role
- `?step`: the same for lists that hold steps and roles (`[gates] confirm_steps`)
- `?handoff`: a role's name, but for `human`, which is nobody's name
- `=target_type`: the kind stands in that member beside it
- `{}`: an open object; whatever in it looks like an id is a use, of the kind its member's name tells
- `@`: not the value is the name but its key (tables of mplp.toml)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.findings import Part, Pointer

STEP, ROLE_NAME, ANY = "step", "role-name", "any"
_SETTINGS = "settings"
_A_PERSON = "human"

DOCUMENT_KINDS = frozenset({*OWN_ID, "event", "sample"})
"""Kinds of names that stand for whole documents (or lines of a timeline)."""

LOCAL_KINDS = frozenset({STEP, "decision", "segment", "span", "thread", "participant", "node", "module"})
"""Kinds of names that are declared inside a document. One that is no id (`step-1`) counts only there."""


class Name(NamedTuple):
    """One name at one place. `kind` says what it is the name of; `any` is an id that may be of anything.

    `part` is `key` where the key itself is the name, as in `[roles.tester]`.
    """

    kind: str
    text: str
    pointer: Pointer
    is_declaration: bool
    part: Part = "value"

    def below(self, prefix: Pointer) -> Name:
        """The same name, for a value that stands at `prefix` in a larger document."""
        return Name(self.kind, self.text, prefix + self.pointer, self.is_declaration, self.part)

    def means(self, other: Name) -> bool:
        """Whether both may be the same thing's name, wherever they stand."""
        return self.text == other.text and (self.kind == other.kind or ANY in {self.kind, other.kind})


_TRACE_BASE = {
    "trace_id": "trace",
    "span_id": "span",
    "parent_span_id": "span",
    "context_id": "context",
    "attributes": "{}",
}
_BASE_EVENT = {"event_id": "+event", "trace_id": "trace", "data": "{}"}
_GOVERNANCE = {"lastConfirmRef/id": "=module", "lastConfirmRef/module": "module"}


def _inside(place: str, members: Mapping[str, str]) -> dict[str, str]:
    return {f"{place}/{member}": meaning for member, meaning in members.items()}


_TRACED = {**_inside("trace", _TRACE_BASE), **_inside("events/*", _BASE_EVENT)}
_EVERY_MODULE = {**_TRACED, **_inside("governance", _GOVERNANCE)}

# Source: the frozen schemas; what an event of a free shape may hold follows from the names of its members.
PLACES: Mapping[str, Mapping[str, str]] = {
    "context": {**_EVERY_MODULE, "context_id": "+context", "owner_role": "?role", "constraints": "{}"},
    "plan": {
        **_TRACED,
        "plan_id": "+plan",
        "context_id": "context",
        "steps/*/step_id": "+step",
        "steps/*/dependencies/*": "step",
        "steps/*/agent_role": "?role",
    },
    "confirm": {
        **_EVERY_MODULE,
        "confirm_id": "+confirm",
        "target_id": "=target_type",
        "requested_by_role": "?role",
        "decisions/*/decision_id": "+decision",
        "decisions/*/decided_by_role": "?role",
    },
    "trace": {
        **_inside("governance", _GOVERNANCE),
        **_inside("events/*", _BASE_EVENT),
        **_inside("root_span", {**_TRACE_BASE, "span_id": "+span"}),
        "trace_id": "+trace",
        "context_id": "context",
        "plan_id": "plan",
        "segments/*/segment_id": "+segment",
        "segments/*/parent_segment_id": "segment",
        "segments/*/attributes": "{}",
    },
    "role": {**_EVERY_MODULE, "role_id": "+role", "name": "+role-name"},
    "extension": {**_EVERY_MODULE, "extension_id": "+extension", "context_id": "context", "config": "{}"},
    "dialog": {
        **_EVERY_MODULE,
        **_inside("messages/*/event", _BASE_EVENT),
        "dialog_id": "+dialog",
        "context_id": "context",
        "thread_id": "+thread",
    },
    "collab": {
        **_EVERY_MODULE,
        "collab_id": "+collab",
        "context_id": "context",
        "participants/*/participant_id": "+participant",
        "participants/*/role_id": "?role",
    },
    "core": {**_EVERY_MODULE, "core_id": "+core", "modules/*/module_id": "+module"},
    "network": {
        **_EVERY_MODULE,
        "network_id": "+network",
        "context_id": "context",
        "nodes/*/node_id": "+node",
        "nodes/*/role_id": "?role",
    },
    "event": {"event_id": "+event", "": "{}"},
    "sample": {"sample_id": "+sample", "": "{}"},
    "tool": {"invocation_id": "+invocation", "": "{}"},
    "file-update": {"": "{}"},
    "git": {"": "{}"},
    "ci": {"": "{}"},
    _SETTINGS: {
        "roles/*": "+role-name@",
        "steps/*": "step@",
        "roles/*/to": "?handoff",
        "steps/*/to": "?handoff",
        "gates/confirm_steps/*": "?step",
        "drift/snapshot_before/*": "role-name",
    },
}

# Members of open objects. Where nothing is said, an id is one of `any` kind.
_BY_MEMBER: Mapping[str, str] = {
    **{member: kind for kind, member in OWN_ID.items()},
    "event_id": "event",
    "source_event_ids": "event",
    "trigger_event_id": "event",
    "sample_id": "sample",
    "session_id": "collab",
    "pipeline_id": "plan",
    "step_id": STEP,
    "stage_id": STEP,
    "dependencies": STEP,
    "segment_id": "segment",
    "segment_ids": "segment",
    "parent_segment_id": "segment",
    "span_id": "span",
    "parent_span_id": "span",
    "decision_id": "decision",
    "thread_id": "thread",
    "invocation_id": "invocation",
    "participant_id": "participant",
    "module_id": "module",
}
# Members of open objects that name a role by any text, not only by an id.
_ROLE_MEMBERS = frozenset(
    {
        "agent_role",
        "role_id",
        "executor_role",
        "initiator_role",
        "target_roles",
        "broadcaster_role_id",
        "receiver_role_id",
        "requested_by_role",
        "decided_by_role",
        "owner_role",
    }
)
_TARGETS = frozenset(OWN_ID)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row of the table, read: the way to a place and what stands there."""

    path: tuple[str, ...]
    meaning: str
    declares: bool = False
    part: Part = "value"


@cache
def _rules(kind: str) -> tuple[tuple[_Rule, ...], Mapping[str, tuple[_Rule, ...]]]:
    """Rules for the top of a document, and for the entries of each of its lists."""
    top: list[_Rule] = []
    inside: dict[str, list[_Rule]] = {}
    for place, said in PLACES.get(kind, {}).items():
        path = tuple(place.split("/")) if place else ()
        meaning = said.removeprefix("+").removesuffix("@")
        rule = _Rule(path, meaning, said.startswith("+"), "key" if said.endswith("@") else "value")
        # mplp.toml has tables by name where documents have lists, and is never taken apart.
        if path[1:2] == ("*",) and kind != _SETTINGS:
            inside.setdefault(path[0], []).append(replace(rule, path=path[2:]))
        else:
            top.append(rule)
    return tuple(top), {field: tuple(rules) for field, rules in inside.items()}


def header_names(kind: str, header: object) -> Iterator[Name]:
    """Names outside the entries of top-level lists, in the order of the table, each place once.

    Of documents of a free shape (events, samples) all names, where `header` is the whole document.
    """
    rules, _ = _rules(kind)
    return _each_once(name for rule in rules for name in _found(rule, header))


def element_names(kind: str, field: str, element: object) -> Iterator[Name]:
    """Names in one entry of the list `field`; pointers start inside the entry."""
    top, inside = _rules(kind)
    rules = inside.get(field)
    if rules is not None:
        return _each_once(name for rule in rules for name in _found(rule, element))
    # In documents of a free shape, lists may hold ids as well.
    is_open = any(not rule.path and rule.meaning == "{}" for rule in top)
    return _each_once(_in_open_object(element, (), field)) if is_open else iter(())


def element_names_called(kind: str, field: str, element: object, text: str) -> Iterator[Name]:
    """Those of `element_names` that are spelled `text`; where few entries have any, much faster."""
    rules = _rules(kind)[1].get(field)
    if rules is None or not isinstance(element, dict):
        return (name for name in element_names(kind, field, element) if name.text == text)
    holding = [rule for rule in rules if _may_hold(rule, element, text)]
    found = (name for rule in holding for name in _found(rule, element) if name.text == text)
    return _each_once(found) if len(holding) > 1 else found


def names(kind: str, value: object) -> Iterator[Name]:
    """All names of a whole document, those outside its lists first."""
    yield from header_names(kind, _without_lists(kind, value))
    if isinstance(value, Mapping) and kind != _SETTINGS:
        for field, entries in value.items():
            if isinstance(entries, list):
                for index, entry in enumerate(entries):
                    for name in element_names(kind, field, entry):
                        yield name.below((field, index))


def _without_lists(kind: str, value: object) -> object:
    if not isinstance(value, Mapping) or kind == _SETTINGS:
        return value
    return {key: [] if isinstance(member, list) else member for key, member in value.items()}


def _each_once(found: Iterable[Name]) -> Iterator[Name]:
    """Of what is said twice about a place the first: exact rows stand before open objects."""
    seen: set[Pointer] = set()
    for name in found:
        if name.pointer not in seen:
            seen.add(name.pointer)
            yield name


def _found(rule: _Rule, root: object) -> Iterator[Name]:
    if rule.meaning == "{}":
        place: object = root
        for part in rule.path:
            place = place.get(part) if isinstance(place, Mapping) else None
        yield from _in_open_object(place, rule.path, rule.path[-1] if rule.path else "")
        return
    for pointer, value, around in _reached(rule.path, root):
        if rule.part == "key" and isinstance(around, Mapping):
            yield Name(rule.meaning, str(pointer[-1]), pointer, rule.declares, "key")
        elif rule.part == "value" and _is_name(rule.meaning, value):
            yield Name(_kind_of(rule.meaning, str(value), around), str(value), pointer, rule.declares)


def _may_hold(rule: _Rule, element: dict[str, object], text: str) -> bool:
    """Whether a place of this row may be spelled `text`; False is certain."""
    if rule.meaning == "{}" or not rule.path or rule.path[0] == "*":
        return True
    member = element.get(rule.path[0])
    if len(rule.path) == 1:
        return member == text
    if rule.path[1:] == ("*",) and isinstance(member, list):
        return text in member
    return member is not None


def _is_name(meaning: str, value: object) -> bool:
    if not isinstance(value, str) or not value or value.isspace():
        return False
    return meaning != "?handoff" or value != _A_PERSON


def _reached(path: Sequence[str], root: object) -> Iterator[tuple[Pointer, object, object]]:
    """Pointer and value of each place a path leads to, with the object or list it is in."""
    if len(path) == 1 and path[0] != "*":
        # Most places are members of the object itself, and there may be ten thousand such objects.
        if isinstance(root, dict) and path[0] in root:
            yield (path[0],), root[path[0]], root
        return
    reached: list[tuple[Pointer, object, object]] = [((), root, None)]
    for part in path:
        deeper: list[tuple[Pointer, object, object]] = []
        for pointer, value, _ in reached:
            if part != "*":
                if isinstance(value, Mapping) and part in value:
                    deeper.append(((*pointer, part), value[part], value))
            elif isinstance(value, list):
                deeper += [((*pointer, index), item, value) for index, item in enumerate(value)]
            elif isinstance(value, Mapping):
                deeper += [((*pointer, key), item, value) for key, item in value.items()]
        reached = deeper
    yield from reached


def _kind_of(meaning: str, text: str, around: object) -> str:
    if meaning in {"?role", "?handoff"}:
        return "role" if is_id(text) else ROLE_NAME
    if meaning == "?step":
        return STEP if is_id(text) else ROLE_NAME
    if meaning.startswith("="):
        kind = around.get(meaning[1:]) if isinstance(around, Mapping) else None
        return kind if isinstance(kind, str) and kind in _TARGETS else ANY
    return meaning


def _in_open_object(value: object, pointer: Pointer, member: str) -> Iterator[Name]:
    """Ids and role names at any depth, with a stack of our own: nesting must not end us."""
    pending: list[tuple[object, Pointer, str]] = [(value, pointer, member)]
    while pending:
        value, pointer, member = pending.pop()
        if isinstance(value, Mapping):
            pending += [(item, (*pointer, key), str(key)) for key, item in reversed(list(value.items()))]
        elif isinstance(value, list):
            pending += [(item, (*pointer, index), member) for index, item in reversed(list(enumerate(value)))]
        elif isinstance(value, str):
            if member in _ROLE_MEMBERS:
                if value and not value.isspace():
                    yield Name("role" if is_id(value) else ROLE_NAME, value, pointer, is_declaration=False)
            elif is_id(value):
                yield Name(_BY_MEMBER.get(member, ANY), value, pointer, is_declaration=False)
