"""May this plan run, and as what? Every refusal is one sentence and a stable word (`RunRefused.code`)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mplp_runtime.ael.handlers import Handlers
from mplp_runtime.errors import (
    ConfirmUnreadable,
    PlanInvalid,
    PlanNotApproved,
    RunRefused,
    WorkspaceNotTrusted,
)
from mplp_runtime.orchestrator.bindings import frozen_bindings, refuse_what_cannot_run
from mplp_runtime.orchestrator.schedule import ScheduledStep, execution_order, scheduled_steps
from mplp_runtime.orchestrator.sessions.finding import session_for
from mplp_runtime.orchestrator.sessions.people import cast_with_bindings
from mplp_runtime.orchestrator.sessions.session import Cast, Session
from mplp_runtime.rules.check import (
    first_voice,
    own_element_findings,
    own_header_findings,
    world_findings,
)
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.faultless import are_faultless
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.rules.invariants import further_invariant_findings
from mplp_runtime.rules.references import context_of
from mplp_runtime.rules.schema import schema_for
from mplp_runtime.rules.world import DocumentFacts, World
from mplp_runtime.settings import Settings
from mplp_runtime.strict_json import strict_value

TERMINAL = frozenset({"completed", "failed", "cancelled"})
_DONE = frozenset({"completed", "skipped"})
OPEN_WORDS = frozenset({"pending", "rejected", "void", "unreadable"})
"""Where a Confirm stands so, the plan's own word `approved` does not count: somebody asked, or said no."""
_AUTHORS_WORD = frozenset({"approved", "in_progress"})


@dataclass(frozen=True, slots=True)
class StartRequest:
    """What a person asks for. `plan_text` is what runs: the open buffer if there is one (D20).

    `anew` gives up an interrupted run of the plan, which is refused otherwise: it may do things twice.
    `approve` proposes and approves first, as the person's own act. `trusted` says that the folder is trusted.
    `confirms` are Confirms that this person has open and perhaps not saved, `shown` is where those lie, and
    `unreadable` has the names of those whose text is no JSON; the others are read from disk.
    `unsaved` is kept with the run, because the text is then in no file.
    `carried` are steps that count as done, with the status they have, because the run `continues` an earlier
    one; `skipped` are those that a person leaves out, and why.
    """

    plan_path: Path
    plan_text: str
    world: World
    simulate: bool = False
    approve: bool = False
    trusted: bool = False
    unsaved: bool = False
    anew: bool = False
    continues: str | None = None
    carried: Mapping[str, str] | None = None
    skipped: Mapping[str, str] | None = None
    confirms: Sequence[Any] = ()
    shown: frozenset[Path] = frozenset()
    unreadable: Sequence[str] = ()


class ContextUnusable(RunRefused):
    """The plan's context is missing or not active."""

    code = "context"


class PlanTerminal(RunRefused):
    """The plan's own text says that it is over."""

    code = "terminal"


@dataclass(frozen=True, slots=True)
class Admitted:
    """A plan that may run: its value, the order of what is left to do, and what each step does.

    `scheduled` is what that order depends on; `context` is the document that the plan belongs to.
    """

    plan: Mapping[str, Any]
    context: DocumentFacts
    order: tuple[str, ...]
    scheduled: tuple[ScheduledStep, ...]
    bindings: Mapping[str, Any]
    gates: tuple[str, ...]
    settings: Settings
    session: Session | None = None
    cast: Cast = field(default_factory=lambda: Cast({}))


def plan_value(text: str) -> dict[str, Any]:
    """The plan in `text`, read strictly, without a top-level `$comment` (D12). Raises PlanInvalid."""
    try:
        text.encode("utf-8")
        value = strict_value(text)
    except RecursionError as problem:
        raise PlanInvalid("The plan is nested too deeply.") from problem
    except UnicodeEncodeError as problem:
        raise PlanInvalid("The plan has half of a surrogate pair in a text.") from problem
    except json.JSONDecodeError as problem:
        if not text.strip():
            raise PlanInvalid("The plan is empty.") from problem
        where = f"line {problem.lineno}, column {problem.colno}"
        raise PlanInvalid(f"The plan is not valid JSON ({where}): {problem.msg}.") from problem
    except ValueError as problem:
        raise PlanInvalid(f"The plan is not valid JSON: {problem}.") from problem
    if not isinstance(value, dict):
        raise PlanInvalid("The plan is not a JSON object.")
    value.pop("$comment", None)
    _share_texts(value.get("steps"))
    return value


def _share_texts(steps: Any) -> None:
    """Equal ids, statuses and roles become one object: that is a quarter of the memory of a large plan."""
    shared: dict[str, str] = {}
    for step in steps if isinstance(steps, list) else ():
        if not isinstance(step, dict):
            continue
        for name in ("step_id", "status", "agent_role"):
            text = step.get(name)
            if isinstance(text, str):
                step[name] = shared.setdefault(text, text)
        needed = step.get("dependencies")
        if isinstance(needed, list):
            needed[:] = [shared.setdefault(each, each) if isinstance(each, str) else each for each in needed]


def with_statuses(plan: dict[str, Any], statuses: Mapping[str, str] | None) -> dict[str, Any]:
    """The plan with these steps at these statuses."""
    if not statuses:
        return plan
    steps = [{**step, "status": statuses.get(step["step_id"], step["status"])} for step in plan["steps"]]
    return {**plan, "steps": steps}


def admitted(request: StartRequest, settings: Settings, handlers: Handlers | None = None) -> Admitted:
    """Checks everything that does not depend on approvals or on other runs.

    Raises PlanInvalid, PlanTerminal, ContextUnusable, CollabUnusable, WorkspaceNotTrusted, RoleNotBound.
    """
    plan = plan_value(request.plan_text)
    facts = document_facts(request.plan_path.absolute().as_uri(), "plan", plan, {})
    _refuse_findings(plan, facts, request.world)
    if plan["status"] in TERMINAL:
        raise PlanTerminal(
            f"The plan is {plan['status']}, and that is final. To run it again, set its status back to "
            "`draft`, and the steps that shall run to `pending`."
        )
    context = _usable_context(plan, facts, request)
    plan = with_statuses(plan, request.carried)
    done = [step["step_id"] for step in plan["steps"] if step["status"] in _DONE]
    scheduled = scheduled_steps(plan)
    order = execution_order(scheduled, done)
    session = session_for(plan, request.world, settings)
    bound, cast = settings, Cast({})
    if session is not None:
        bound, cast = cast_with_bindings(session, plan, order, settings, simulate=request.simulate)
    if not request.simulate:
        if not request.trusted:
            raise WorkspaceNotTrusted(
                "This folder is not trusted, so nothing in it is run. Trust it, or simulate the run."
            )
        left = [step for step in plan["steps"] if step["status"] not in _DONE]
        refuse_what_cannot_run(left, bound, handlers=handlers, has_participants=session is not None)
    gates = () if request.simulate else tuple(s["step_id"] for s in plan["steps"] if settings.asks_before(s))
    return Admitted(
        plan=plan,
        context=context,
        order=tuple(order),
        scheduled=scheduled,
        bindings=frozen_bindings(plan["steps"], bound, simulate=request.simulate, roles=cast.bound_roles),
        gates=gates,
        settings=settings,
        session=session,
        cast=cast,
    )


def needs_approval(plan: Mapping[str, Any], settings: Settings) -> bool:
    """Whether a Confirm must stand behind this plan; one that says `approved` is its author's word (D18)."""
    if settings.run.require_confirm:
        return True
    return settings.run.require_approval and plan["status"] not in _AUTHORS_WORD


def is_authors_word(plan: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the plan's own text says that it is approved, and that counts."""
    return plan.get("status") in _AUTHORS_WORD and not settings.run.require_confirm


def refuse_unapproved(word: str, changed: tuple[str, ...]) -> None:
    """Raises PlanNotApproved unless the approval holds, and says what to do about it."""
    if word == "approved":
        return
    if word == "unreadable":
        raise ConfirmUnreadable(
            f"Nobody can tell whether the plan is approved: {'; '.join(changed)}. Mend it, or move it away."
        )
    if word == "void":
        raise PlanNotApproved(f"The plan was approved, but {'; '.join(changed)}. Approve it again.")
    if word == "rejected":
        raise PlanNotApproved("The plan was rejected. Rework it, then propose and approve it again.")
    if word == "pending":
        raise PlanNotApproved("The plan is proposed and waits for an approval.")
    raise PlanNotApproved("The plan is not approved. Propose and approve it first.")


def _own_findings(plan: Mapping[str, Any]) -> list[Finding]:
    """What `check.own_findings` says, without a look at each of thousands of sound steps."""
    lists = {name: entries for name, entries in plan.items() if isinstance(entries, list)}
    header = {**plan, **{name: [] for name in lists}}
    found = own_header_findings("plan", header, {name: len(entries) for name, entries in lists.items()})
    for name, entries in lists.items():
        if are_faultless("plan", name, schema_for("plan", header), entries):
            continue
        for index, entry in enumerate(entries):
            found += [each.below((name, index)) for each in own_element_findings("plan", name, entry)]
    return found


def _refuse_findings(plan: Mapping[str, Any], facts: DocumentFacts, world: World) -> None:
    _refuse_errors(first_voice([*_own_findings(plan), *world_findings(facts, world)]))


def _usable_context(plan: Mapping[str, Any], facts: DocumentFacts, request: StartRequest) -> DocumentFacts:
    context = context_of(facts, request.world)
    if context is None:
        raise ContextUnusable(
            f"The plan's context {plan['context_id']} is in no document of this project; a run needs it."
        )
    if context.status != "active":
        name = f"“{context.title}”" if context.title else plan["context_id"]
        raise ContextUnusable(
            f"The plan's context {name} is {context.status}; a run needs it to be `active`."
        )
    # The rules about a run (D13): what follows for the plan from the context it is going to run in.
    known = {"context_id": context.id, "status": context.status}
    _refuse_errors(further_invariant_findings("plan", plan, {"context": known}, "run"))
    return context


def _refuse_errors(findings: list[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity == Severity.ERROR]
    if errors:
        more = f" There are {len(errors) - 1} more errors." if len(errors) > 2 else ""
        more = " There is one more error." if len(errors) == 2 else more
        raise PlanInvalid(f"The plan has errors, so it cannot run: {errors[0].message}{more}")
