"""What a document says about others: its context, the roles of its steps, its own id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from mplp_runtime.rules.belonging import belonging_findings
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.graph import graph_of
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.lifecycle import TRANSITIONS
from mplp_runtime.rules.neighbours import (
    described,
    document_of,
    file_name_of,
    finding,
    folder_of,
    nearest_to,
    reference_at,
    unknown_document,
)
from mplp_runtime.rules.step_tables import kept_while
from mplp_runtime.rules.words import nearest, quoted
from mplp_runtime.rules.world import DocumentFacts, Reference, World

if TYPE_CHECKING:
    from mplp_runtime.settings import Settings


def reference_findings(facts: DocumentFacts, world: World, memory: Memory | None = None) -> list[Finding]:
    """Everything that follows from this document together with the others of the project.

    `memory` is that of `graph_of`.
    """
    findings = list(_own_id(facts, world))
    if facts.kind == "plan":
        findings += _context(facts, world)
        findings += _roles(facts, world, memory)
    return [*findings, *belonging_findings(facts, world)]


def context_of(plan: DocumentFacts, world: World) -> DocumentFacts | None:
    """The context document a plan belongs to; of several with that id the one nearest to the plan."""
    return document_of(plan, ("context_id",), world)


def _own_id(facts: DocumentFacts, world: World) -> Iterator[Finding]:
    if facts.id is None or not is_id(facts.id):
        return
    others = [other for other in world.declarations(facts.kind, facts.id) if other.uri != facts.uri]
    if others:
        names = ", ".join(f"`{file_name_of(other.uri)}`" for other in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield finding(
            "document-id-duplicate",
            f"This id belongs to {names}{more} as well. Copies of a {facts.kind} need an id of their own.",
            facts.id_pointer,
            # Kept copies (input and expected output of a test, say) are common and no fault by themselves.
            Severity.INFORMATION,
            [
                Related(Place(other.id_pointer, "value", other.uri), f"The same `{facts.id_pointer[-1]}`.")
                for other in others
            ],
            data={"insert_format": "uuid"},
        )


def _context(plan: DocumentFacts, world: World) -> Iterator[Finding]:
    reference = reference_at(plan, ("context_id",))
    if reference is None:
        return
    declarations = world.declarations("context", reference.id)
    if not declarations:
        yield unknown_document("plan-context-unknown", plan, reference, world)
    else:
        yield from _declared_context(plan, reference, declarations, world)


def _declared_context(
    plan: DocumentFacts, reference: Reference, declarations: Sequence[DocumentFacts], world: World
) -> Iterator[Finding]:
    context = nearest_to(plan.uri, declarations)
    if context is None:
        return
    if len(declarations) > 1:
        yield finding(
            "plan-context-ambiguous",
            f"{len(declarations)} documents say that they are this context; the nearest counts.",
            reference.pointer,
            Severity.INFORMATION,
            [Related(Place(each.id_pointer, "value", each.uri), "Declared here.") for each in declarations],
        )
    # A status that is missing or no status at all is the context's own fault, and is shown there.
    is_known = context.status in TRANSITIONS["context"]
    if plan.status == "in_progress" and context.status != "active" and is_known:
        yield finding(
            "plan-context-inactive",
            f"The plan is in progress, but its context is {quoted(context.status)}. "
            "A plan runs only in an active context.",
            reference.pointer,
            Severity.ERROR,
            [Related(Place(("status",), "value", context.uri), "The context's status.")],
            Stage.INVARIANT,
            data={"invariant": "sa_context_must_be_active"},
        )
    yield from _context_of_another(plan, reference, context, world)


def _context_of_another(
    plan: DocumentFacts, reference: Reference, context: DocumentFacts, world: World
) -> Iterator[Finding]:
    """A copied `context_id`: another context stands beside the plan, and this one beside its own plan."""
    here, there = folder_of(plan.uri), folder_of(context.uri)
    if here == there:
        return
    beside = [other for other in world.documents("context") if folder_of(other.uri) == here and other.id]
    if not beside:
        return
    owner = next(
        (
            other
            for other in world.documents("plan")
            if other.uri != plan.uri
            and folder_of(other.uri) == there
            and (named := reference_at(other, ("context_id",))) is not None
            and named.id == reference.id
        ),
        None,
    )
    if owner is None:
        return
    data: dict[str, object] = {"suggestion": beside[0].id} if len(beside) == 1 else {}
    yield finding(
        "plan-context-of-another",
        f"This is the context of another plan, {described(owner)}. "
        f"The context beside this plan is {described(beside[0])}.",
        reference.pointer,
        Severity.WARNING,
        [
            Related(Place(context.id_pointer, "value", context.uri), "The context that is named."),
            Related(Place(beside[0].id_pointer, "value", beside[0].uri), "The context beside this plan."),
        ],
        data=data,
    )


def _roles(plan: DocumentFacts, world: World, memory: Memory | None) -> Sequence[Finding]:
    known = dict.fromkeys(name for role in world.documents("role") for name in (role.title, role.id) if name)
    settings = world.settings()
    # Settings that cannot be read have findings of their own; what they bind is not known.
    is_readable = settings is not None or not any(True for _ in world.documents("settings"))
    return kept_while(
        memory,
        "roles",
        graph_of(plan.steps, memory),
        lambda step: (step.agent_role, step.step_id),
        lambda: tuple(_roles_of_steps(plan, known, settings, is_readable=is_readable)),
        (tuple(known), settings, is_readable),
    )


def _roles_of_steps(
    plan: DocumentFacts, known: Mapping[str, object], settings: Settings | None, *, is_readable: bool
) -> Iterator[Finding]:
    hinted: set[str] = set()
    suggestions: dict[str, str | None] = {}
    # Most steps have a role that is known and bound; they are passed over without a look at the rest.
    sound = {
        None,
        *(role for role in (settings.roles if settings is not None else ()) if not known or role in known),
    }
    for index, step in enumerate(plan.steps):
        role = step.agent_role
        if role in sound or role is None or not role.strip():
            continue
        if known and role not in known:
            if role not in suggestions:
                suggestions[role] = nearest(role, [name for name in known if not is_id(name)])
            yield _unknown_role(role, suggestions[role], ("steps", index, "agent_role"))
        if is_readable and role not in hinted and not _is_bound(role, step.step_id, settings):
            hinted.add(role)
            yield _unbound_role(role, settings, ("steps", index, "agent_role"))


def _unbound_role(role: str, settings: Settings | None, pointer: Pointer) -> Finding:
    why = "is bound to no action in" if settings is not None else "has no action: there is no"
    message = f"The role {quoted(role)} {why} `mplp.toml`. Its steps can be simulated only."
    near = nearest(role, settings.roles) if settings is not None else None
    if near is not None:
        message += f" Did you mean `{near}`?"
    return finding("step-role-unbound", message, pointer, Severity.HINT, data={"role": role})


def _unknown_role(role: str, suggestion: str | None, pointer: Pointer) -> Finding:
    message = f"No Role document of this workspace is called {quoted(role)}."
    if suggestion is None:
        return finding("step-role-unknown", message, pointer, Severity.WARNING)
    message += f" Did you mean `{suggestion}`?"
    data = {"suggestion": suggestion}
    return finding("step-role-unknown", message, pointer, Severity.WARNING, data=data)


def _is_bound(role: str, step_id: str | None, settings: Settings | None) -> bool:
    if settings is None:
        return False
    return role in settings.roles or (step_id is not None and step_id in settings.steps)
