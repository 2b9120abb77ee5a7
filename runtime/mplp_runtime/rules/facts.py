"""The facts of a document, taken from values of any shape: what is missing or of a wrong type is None."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter

from mplp_runtime.rules.entry_facts import entry_facts, entry_lists
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.instants import instant_of
from mplp_runtime.rules.world import DocumentFacts, EntryFacts, Reference, StepFacts

OWN_ID = {
    "context": "context_id",
    "plan": "plan_id",
    "confirm": "confirm_id",
    "trace": "trace_id",
    "role": "role_id",
    "extension": "extension_id",
    "dialog": "dialog_id",
    "collab": "collab_id",
    "core": "core_id",
    "network": "network_id",
}

LAST_CONFIRM: Pointer = ("governance", "lastConfirmRef", "id")
THREAD: Pointer = ("thread_id",)
ROOT_TRACE: Pointer = ("root_span", "trace_id")

_NAMED_REFERENCES: dict[str, tuple[tuple[Pointer, str], ...]] = {
    "trace": ((("context_id",), "context"), (("plan_id",), "plan"), (("root_span", "context_id"), "context")),
}
_COMMON_REFERENCES: tuple[tuple[Pointer, str], ...] = (
    (("context_id",), "context"),
    (("trace", "context_id"), "context"),
    (("trace", "trace_id"), "trace"),
)
_CONFIRM_TARGETS = frozenset({"context", "plan", "trace", "extension"})
_SPAN_OF_TIME: dict[str, tuple[str, str]] = {
    "trace": ("started_at", "finished_at"),
    "dialog": ("started_at", "ended_at"),
    "confirm": ("requested_at", ""),
}


def text_or_none(value: object) -> str | None:
    """`value` where it is text, else None."""
    return value if isinstance(value, str) else None


def _whole_or_none(value: object) -> int | None:
    return int(value) if isinstance(value, float) and value.is_integer() else None


def step_facts(step: object) -> StepFacts:
    """The facts of one entry of `steps`. A dependency that is no text is None, so that places stay true."""
    # `type` first, because `Mapping` is slow to ask.
    if type(step) is not dict and not isinstance(step, Mapping):
        return StepFacts(None, (), None, None, None)
    find = step.get
    step_id, status, agent_role = find("step_id"), find("status"), find("agent_role")
    dependencies, order_index = find("dependencies"), find("order_index")
    if type(order_index) is not int:
        order_index = _whole_or_none(order_index)
    return StepFacts(
        step_id if type(step_id) is str else None,
        tuple([each if type(each) is str else None for each in dependencies])
        if type(dependencies) is list
        else (),
        status if type(status) is str else None,
        agent_role if type(agent_role) is str else None,
        order_index,
    )


# Not the class itself: its constructor is Python, and this is asked ten thousand times for a large plan.
_made: Callable[[tuple[object, ...]], StepFacts] = partial(tuple.__new__, StepFacts)
_step_members = itemgetter("step_id", "dependencies", "status", "agent_role", "order_index")


def many_step_facts(steps: Sequence[object]) -> tuple[StepFacts, ...]:
    """`step_facts` of each; several times as fast where all have every member, and of the right type."""
    try:
        rows = list(map(_step_members, steps))  # type: ignore[arg-type]
    except (KeyError, TypeError, IndexError):
        return tuple(map(step_facts, steps))
    if not rows:
        return ()
    ids, lists, statuses, roles, orders = zip(*rows, strict=True)
    are_plain = (
        set(map(type, steps)) == {dict}
        and set(map(type, lists)) == {list}
        and set(map(type, chain(ids, statuses, roles, *lists))) == {str}
        and set(map(type, orders)) == {int}
    )
    if not are_plain:
        return tuple(map(step_facts, steps))
    return tuple(map(_made, zip(ids, map(tuple, lists), statuses, roles, orders, strict=True)))


def document_facts(
    uri: str,
    kind: str,
    header: object,
    elements: Mapping[str, Sequence[object]],
    steps: Sequence[StepFacts] | None = None,
    entries: Mapping[str, tuple[EntryFacts, ...]] | None = None,
) -> DocumentFacts:
    """The facts of one document, from its header and the entries of its top-level lists.

    The whole document may be given as `header` with `elements` empty. `steps` and `entries` save the work
    where the caller has the facts of each entry already.
    """
    members = header if isinstance(header, Mapping) else {}
    own = OWN_ID.get(kind)
    own_id = text_or_none(members.get(own)) if own is not None else None
    title = text_or_none(members.get("title"))
    if title is None:
        title = text_or_none(members.get("name"))
    if kind == "plan" and steps is None:
        steps = many_step_facts(_entries(members, elements, "steps"))
    if entries is None:
        entries = {
            field: tuple(entry_facts(field, entry) for entry in found)
            for field in entry_lists(kind)
            if (found := _entries(members, elements, field))
        }
    started, ended = _SPAN_OF_TIME.get(kind, ("", ""))
    return DocumentFacts(
        uri,
        kind,
        own_id,
        (own,) if own is not None and own_id is not None else (),
        title,
        text_or_none(members.get("status")),
        tuple(_references(kind, members)),
        tuple(steps or ()),
        entries,
        instant_of(members.get(started)),
        instant_of(members.get(ended)),
        {"mode": text_or_none(members.get("mode"))} if kind == "collab" else {},
    )


def _entries(
    members: Mapping[str, object], elements: Mapping[str, Sequence[object]], field: str
) -> Sequence[object]:
    if field in elements:
        return elements[field]
    whole = members.get(field)
    return whole if isinstance(whole, list) else ()


def _references(kind: str, members: Mapping[str, object]) -> Iterator[Reference]:
    """Ids that are well formed only: the schema speaks about the others."""
    own = OWN_ID.get(kind)
    for pointer, target in _NAMED_REFERENCES.get(kind, _COMMON_REFERENCES):
        if pointer == (own,):
            continue
        value: object = members
        for part in pointer:
            value = value.get(part) if isinstance(value, Mapping) else None
        if isinstance(value, str) and is_id(value):
            yield Reference(target, value, pointer)
    if kind == "confirm":
        target_id, target_type = members.get("target_id"), members.get("target_type")
        if isinstance(target_id, str) and is_id(target_id):
            known = isinstance(target_type, str) and target_type in _CONFIRM_TARGETS
            yield Reference(str(target_type) if known else None, target_id, ("target_id",))
    governance = members.get("governance")
    last_confirm = governance.get("lastConfirmRef") if isinstance(governance, Mapping) else None
    confirm_id = last_confirm.get("id") if isinstance(last_confirm, Mapping) else None
    if isinstance(last_confirm, Mapping) and isinstance(confirm_id, str) and is_id(confirm_id):
        is_confirm = last_confirm.get("module") == "confirm"
        yield Reference("confirm" if is_confirm else None, confirm_id, LAST_CONFIRM)
    span = members.get("root_span") if kind == "trace" else None
    trace_id = span.get("trace_id") if isinstance(span, Mapping) else None
    if isinstance(trace_id, str) and is_id(trace_id):
        yield Reference(None, trace_id, ROOT_TRACE)
    thread_id = members.get("thread_id") if kind == "dialog" else None
    if isinstance(thread_id, str) and is_id(thread_id):
        yield Reference(None, thread_id, THREAD)
