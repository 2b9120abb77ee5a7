"""What a document says about others: its context, the roles of its steps, its own id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.findings import Finding, Place, Pointer, Related, Severity, Stage
from mplp_runtime.rules.lifecycle import TRANSITIONS
from mplp_runtime.rules.near_ids import NearIds
from mplp_runtime.rules.words import nearest, quoted
from mplp_runtime.rules.world import DocumentFacts, Reference, World

if TYPE_CHECKING:
    from mplp_runtime.settings import Settings

MOST_RELATED = 20


def reference_findings(facts: DocumentFacts, world: World) -> list[Finding]:
    """Everything that follows from this document together with the others of the project."""
    findings = list(_own_id(facts, world))
    if facts.kind == "plan":
        findings += _context(facts, world)
        findings += _roles(facts, world)
    return findings


def context_of(plan: DocumentFacts, world: World) -> DocumentFacts | None:
    """The context document a plan belongs to; of several with that id the one nearest to the plan."""
    reference = _reference(plan, ("context_id",))
    return (
        _nearest_to(plan.uri, world.declarations("context", reference.id)) if reference is not None else None
    )


def _finding(
    code: str,
    message: str,
    pointer: Pointer,
    severity: Severity,
    related: Sequence[Related] = (),
    stage: Stage = Stage.GRAPH,
    data: Mapping[str, object] | None = None,
) -> Finding:
    shown = tuple(related[:MOST_RELATED])
    return Finding(code, message, severity, stage, Place(pointer), shown, data=data or {})


def _reference(facts: DocumentFacts, pointer: Pointer) -> Reference | None:
    return next((reference for reference in facts.references if reference.pointer == pointer), None)


def _folder(uri: str) -> list[str]:
    return unquote(urlsplit(uri).path).split("/")[:-1]


def _file_name(uri: str) -> str:
    return unquote(urlsplit(uri).path).rsplit("/", 1)[-1]


def _nearest_to(uri: str, candidates: Sequence[DocumentFacts]) -> DocumentFacts | None:
    """Of several documents the one whose folder shares most with that of `uri`; ties go to the first."""
    here = _folder(uri)

    def strangeness(candidate: DocumentFacts) -> int:
        there = _folder(candidate.uri)
        shared = 0
        for own, other in zip(here, there, strict=False):
            if own != other:
                break
            shared += 1
        return len(here) + len(there) - 2 * shared

    return min(candidates, key=strangeness, default=None)


def _own_id(facts: DocumentFacts, world: World) -> Iterator[Finding]:
    if facts.id is None or not is_id(facts.id):
        return
    others = [other for other in world.declarations(facts.kind, facts.id) if other.uri != facts.uri]
    if others:
        names = ", ".join(f"`{_file_name(other.uri)}`" for other in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield _finding(
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
    reference = _reference(plan, ("context_id",))
    if reference is None:
        return
    declarations = world.declarations("context", reference.id)
    if not declarations:
        yield _unknown_context(plan, reference, world)
    else:
        yield from _declared_context(plan, reference, declarations, world)
    traced = _reference(plan, ("trace", "context_id"))
    if traced is not None and traced.id != reference.id:
        yield _finding(
            "trace-context-mismatch",
            f"The trace of this plan names another context than the plan itself, `{reference.id}`.",
            traced.pointer,
            Severity.WARNING,
            [Related(Place(reference.pointer), "The plan's own context.")],
            data={"suggestion": reference.id},
        )


def _unknown_context(plan: DocumentFacts, reference: Reference, world: World) -> Finding:
    contexts = [context for context in world.documents("context") if context.id is not None]
    message = f"No document of this workspace is the context `{reference.id}`."
    if not contexts:
        return _finding("plan-context-unknown", message, reference.pointer, Severity.INFORMATION)
    by_id = {str(context.id): context for context in reversed(contexts)}
    suggestion = NearIds(by_id).meant(reference.id)
    beside = [context for context in contexts if _folder(context.uri) == _folder(plan.uri)]
    if suggestion is None and len(beside) == 1:
        suggestion = str(beside[0].id)
    if suggestion is None:
        return _finding("plan-context-unknown", message, reference.pointer, Severity.WARNING)
    context = by_id[suggestion]
    return _finding(
        "plan-context-unknown",
        f"{message} Did you mean {_described(context)}, `{suggestion}`?",
        reference.pointer,
        Severity.WARNING,
        [Related(Place(context.id_pointer, "value", context.uri), "This context is near.")],
        data={"suggestion": suggestion},
    )


def _described(document: DocumentFacts) -> str:
    name = f"`{_file_name(document.uri)}`"
    return f"{quoted(document.title)} in {name}" if document.title else name


def _declared_context(
    plan: DocumentFacts, reference: Reference, declarations: Sequence[DocumentFacts], world: World
) -> Iterator[Finding]:
    context = _nearest_to(plan.uri, declarations)
    if context is None:
        return
    if len(declarations) > 1:
        yield _finding(
            "plan-context-ambiguous",
            f"{len(declarations)} documents say that they are this context; the nearest counts.",
            reference.pointer,
            Severity.INFORMATION,
            [Related(Place(each.id_pointer, "value", each.uri), "Declared here.") for each in declarations],
        )
    # A status that is missing or no status at all is the context's own fault, and is shown there.
    is_known = context.status in TRANSITIONS["context"]
    if plan.status == "in_progress" and context.status != "active" and is_known:
        yield _finding(
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
    here, there = _folder(plan.uri), _folder(context.uri)
    if here == there:
        return
    beside = [other for other in world.documents("context") if _folder(other.uri) == here and other.id]
    if not beside:
        return
    owner = next(
        (
            other
            for other in world.documents("plan")
            if other.uri != plan.uri
            and _folder(other.uri) == there
            and (named := _reference(other, ("context_id",))) is not None
            and named.id == reference.id
        ),
        None,
    )
    if owner is None:
        return
    data: dict[str, object] = {"suggestion": beside[0].id} if len(beside) == 1 else {}
    yield _finding(
        "plan-context-of-another",
        f"This is the context of another plan, {_described(owner)}. "
        f"The context beside this plan is {_described(beside[0])}.",
        reference.pointer,
        Severity.WARNING,
        [
            Related(Place(context.id_pointer, "value", context.uri), "The context that is named."),
            Related(Place(beside[0].id_pointer, "value", beside[0].uri), "The context beside this plan."),
        ],
        data=data,
    )


def _roles(plan: DocumentFacts, world: World) -> Iterator[Finding]:
    known = dict.fromkeys(name for role in world.documents("role") for name in (role.title, role.id) if name)
    settings = world.settings()
    # Settings that cannot be read have findings of their own; what they bind is not known.
    is_readable = settings is not None or not any(True for _ in world.documents("settings"))
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
    return _finding("step-role-unbound", message, pointer, Severity.HINT, data={"role": role})


def _unknown_role(role: str, suggestion: str | None, pointer: Pointer) -> Finding:
    message = f"No Role document of this workspace is called {quoted(role)}."
    if suggestion is None:
        return _finding("step-role-unknown", message, pointer, Severity.WARNING)
    message += f" Did you mean `{suggestion}`?"
    data = {"suggestion": suggestion}
    return _finding("step-role-unknown", message, pointer, Severity.WARNING, data=data)


def _is_bound(role: str, step_id: str | None, settings: Settings | None) -> bool:
    if settings is None:
        return False
    return role in settings.roles or (step_id is not None and step_id in settings.steps)
