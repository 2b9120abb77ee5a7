"""What documents other than plans say about each other: contexts, targets, plans, roles, threads, modules."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.rules.confirm_targets import (
    approval_findings,
    last_confirm_findings,
    target_findings,
)
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import THREAD
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.lifecycle import TRANSITIONS, is_terminal
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.neighbours import (
    described,
    document_of,
    finding,
    reference_at,
    unknown_document,
)
from mplp_runtime.rules.words import nearest, quoted
from mplp_runtime.rules.world import DocumentFacts, Reference, World

_IN_STATE_FOLDER = f"/{STATE_FOLDER}/"

_CONTEXT: Pointer = ("context_id",)
_PLAN: Pointer = ("plan_id",)
_STATUS: Pointer = ("status",)
_SPANS: tuple[Pointer, ...] = (("trace", "context_id"), ("root_span", "context_id"))


def belonging_findings(facts: DocumentFacts, world: World) -> list[Finding]:
    """What is wrong between this document and the others; the context of a plan and its roles apart."""
    found = list(_contexts(facts, world))
    found += last_confirm_findings(facts, world)
    if facts.kind == "plan":
        found += approval_findings(facts, world)
    elif facts.kind == "confirm":
        found += target_findings(facts, world)
    elif facts.kind == "trace":
        found += _plan_of_trace(facts, world)
    elif facts.kind == "collab":
        found += _roles(facts, "participants", world)
    elif facts.kind == "network":
        found += _roles(facts, "nodes", world)
    elif facts.kind == "dialog":
        found += _thread(facts, world)
    elif facts.kind == "core":
        found += _modules(facts, world)
    return found


def _contexts(facts: DocumentFacts, world: World) -> Iterator[Finding]:
    """The context by itself, against that of the plan, and against those of the spans."""
    reference = reference_at(facts, _CONTEXT)
    own = facts.id if facts.kind == "context" else reference.id if reference is not None else None
    spans = [span for pointer in _SPANS if (span := reference_at(facts, pointer)) is not None]
    if own is None or not is_id(own):
        return
    if reference is not None and facts.kind != "plan":
        fault = _context_of_plan(facts, reference, world)
        if fault is None and not world.declarations("context", own):
            agreed = next((span.id for span in spans if world.declarations("context", span.id)), None)
            fault = unknown_document("context-unknown", facts, reference, world, agreed)
            # Where nobody has a context the spans may be wrong all the same.
            if fault.severity is Severity.INFORMATION:
                yield fault
                fault = None
        if fault is not None:
            # The spans are measured against an id that is wrong itself.
            yield fault
            return
    yield from _inactive_context(facts, world)
    if facts.kind == "plan" and any(span.id != own and _is_lost(own, span.id, world) for span in spans):
        return
    for span in spans:
        if span.id != own:
            yield finding(
                "trace-context-mismatch",
                f"The {_span_name(span, facts.kind)} names another context than the {facts.kind} itself, "
                f"`{own}`.",
                span.pointer,
                Severity.WARNING,
                [Related(Place(_CONTEXT), f"The {facts.kind}'s own context.")],
                data={"suggestion": own},
            )


def _inactive_context(trace: DocumentFacts, world: World) -> Iterator[Finding]:
    """A run under way in a context that is not active; where its plan says that it runs, it is told there."""
    context = document_of(trace, _CONTEXT, world) if trace.kind == "trace" else None
    if trace.status != "running" or context is None or context.status not in TRANSITIONS["context"]:
        return
    plan = document_of(trace, _PLAN, world)
    if context.status == "active" or (plan is not None and plan.status == "in_progress"):
        return
    yield finding(
        "trace-context-inactive",
        f"The trace is running, but its context is {quoted(context.status)}.",
        _CONTEXT,
        Severity.WARNING,
        [Related(Place(_STATUS, "value", context.uri), "The context's status.")],
        Stage.INVARIANT,
    )


def _span_name(span: Reference, kind: str) -> str:
    return f"trace of this {kind}" if span.pointer[0] == "trace" else f"root span of this {kind}"


def _context_of_plan(trace: DocumentFacts, reference: Reference, world: World) -> Finding | None:
    """That a trace is in another context than its plan (invariant `sa_trace_context_binding`)."""
    plan = document_of(trace, _PLAN, world) if trace.kind == "trace" else None
    context = reference_at(plan, _CONTEXT) if plan is not None else None
    if plan is None or context is None or context.id == reference.id:
        return None
    is_over = trace.status is not None and is_terminal("trace", trace.status)
    spans = [span.id for pointer in _SPANS if (span := reference_at(trace, pointer)) is not None]
    # Where a span agrees with the plan, the trace itself is the odd one, whoever has a document.
    if not is_over and context.id not in spans and _is_lost(context.id, reference.id, world):
        return None
    return finding(
        "trace-context-mismatch",
        f"This trace names another context than its plan, {described(plan)}. "
        f"The plan belongs to `{context.id}`.",
        reference.pointer,
        # The invariant is about traces that are finished; before that the id may still be put right.
        Severity.ERROR if is_over else Severity.WARNING,
        [Related(Place(context.pointer, "value", plan.uri), "The plan's context.")],
        data={"suggestion": context.id},
    )


def _is_lost(own: str, other: str, world: World) -> bool:
    """Whether a plan's context is nowhere and the other is there: the plan is wrong then, and says so."""
    return not world.declarations("context", own) and bool(world.declarations("context", other))


def _plan_of_trace(trace: DocumentFacts, world: World) -> Iterator[Finding]:
    reference = reference_at(trace, _PLAN)
    if reference is None:
        return
    plan = document_of(trace, _PLAN, world)
    if plan is None:
        yield unknown_document("trace-plan-unknown", trace, reference, world)
    # What the runtime recorded is history: its plan may have been rewritten since.
    elif _IN_STATE_FOLDER not in trace.uri:
        yield from _steps_of_trace(trace, plan)


def _steps_of_trace(trace: DocumentFacts, plan: DocumentFacts) -> Iterator[Finding]:
    known = {step.step_id for step in plan.steps}
    if not known or not all(step_id is not None and is_id(step_id) for step_id in known):
        # Which step is meant can be seen once the plan says what its steps are.
        return
    near: NearIds | None = None
    for index, segment in enumerate(trace.entries.get("segments", ())):
        step = segment.step
        if step is None or step in known:
            continue
        near = near or NearIds(step_id for step_id in known if step_id is not None)
        suggestion = near.meant(step)
        message = f"No step of {described(plan)} has this id."
        data: Mapping[str, object] | None = None
        related = Related(Place(plan.id_pointer, "value", plan.uri), "The plan of this trace.")
        if suggestion is not None:
            position = next(at for at, each in enumerate(plan.steps) if each.step_id == suggestion)
            message += f" Did you mean step {position + 1}, `{suggestion}`?"
            data = {"suggestion": suggestion}
            place = Place(("steps", position, "step_id"), "value", plan.uri)
            related = Related(place, "This step is near.")
        pointer = ("segments", index, "attributes", "step_id")
        yield finding("trace-step-unknown", message, pointer, Severity.WARNING, [related], data=data)


def _roles(facts: DocumentFacts, field: str, world: World) -> Iterator[Finding]:
    """Roles by id or name; where no Role document is at hand nobody can say what a role is."""
    roles = list(world.documents("role"))
    known = dict.fromkeys(word for role in roles for word in (role.id, role.title) if word)
    if not known:
        return
    is_any_id_spoilt = any(role.id is None or not is_id(role.id) for role in roles)
    near = NearIds(word for word in known if is_id(word))
    names = [word for word in known if not is_id(word)]
    for index, entry in enumerate(facts.entries.get(field, ())):
        role = entry.role
        if role is None or role in known or not role.strip() or (is_any_id_spoilt and is_id(role)):
            continue
        suggestion = near.meant(role) if is_id(role) else nearest(role, names)
        message = f"No Role document of this workspace has the id or the name {quoted(role)}."
        if suggestion is not None:
            message += f" Did you mean `{suggestion}`?"
        yield finding(
            "role-unknown",
            message,
            (field, index, "role_id"),
            Severity.WARNING,
            data={"suggestion": suggestion} if suggestion is not None else None,
        )


def _thread(dialog: DocumentFacts, world: World) -> Iterator[Finding]:
    """Dialogs of one thread are about one context; told at those that differ from the first of them."""
    thread, context = reference_at(dialog, THREAD), reference_at(dialog, _CONTEXT)
    if thread is None or context is None:
        return
    first = next(
        (
            other
            for other in world.documents("dialog")
            if (named := reference_at(other, THREAD)) is not None
            and named.id == thread.id
            and reference_at(other, _CONTEXT) is not None
        ),
        None,
    )
    theirs = reference_at(first, _CONTEXT) if first is not None else None
    if first is None or theirs is None or first.uri == dialog.uri or theirs.id == context.id:
        return
    yield finding(
        "dialog-thread-context",
        f"This thread began in {described(first)}, which belongs to another context.",
        thread.pointer,
        Severity.WARNING,
        [Related(Place(theirs.pointer, "value", first.uri), "The context of the thread's first dialog.")],
    )


def _modules(core: DocumentFacts, world: World) -> Iterator[Finding]:
    """Modules that are switched off although the project has documents of theirs."""
    if core.status != "active":
        return
    for index, module in enumerate(core.entries.get("modules", ())):
        if module.status != "disabled" or module.id is None or module.id == "core":
            continue
        used = next(iter(world.documents(module.id)), None)
        if used is not None:
            yield finding(
                "core-module-in-use",
                f"The module {quoted(module.id)} is disabled, but {described(used)} uses it.",
                ("modules", index, "status"),
                Severity.INFORMATION,
                [Related(Place(used.id_pointer, "value", used.uri), f"A {module.id} of this workspace.")],
                Stage.LIFECYCLE,
            )
