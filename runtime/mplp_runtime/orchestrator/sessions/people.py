"""What participants do: the cast of a plan together with the actions that mplp.toml has for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mplp_runtime.errors import RoleNotBound
from mplp_runtime.orchestrator.bindings import receivers
from mplp_runtime.orchestrator.sessions.casting import cast, fitting
from mplp_runtime.orchestrator.sessions.session import Cast, Session
from mplp_runtime.settings import AgentHandoffBinding, Settings


def cast_with_bindings(
    session: Session, plan: Mapping[str, Any], order: Sequence[str], settings: Settings, *, simulate: bool
) -> tuple[Settings, Cast]:
    """Who does what, and settings in which a participant who is a person is asked where nothing is bound.

    Raises RoleNotBound where a step is handed to a role that nobody in the session has or can carry out.
    """
    made = cast(session, plan, order)
    if simulate:
        return settings, made
    bound = _with_people(session, plan, made, settings)
    reviews = _reviewing(session, plan, made, settings, bound)
    left = [step for step in plan["steps"] if step["step_id"] in made.assigned]
    # Also those to whom a reviewer hands what is to be reviewed.
    handed = receivers([*left, *({"agent_role": role} for role in reviews)], bound)
    found: dict[str, int] = {}
    for role in handed:
        fit = fitting(role, session.participants)
        if not fit:
            raise RoleNotBound(
                f"A step is handed to the role `{role}`, and nobody in the collaboration “{session.title}” "
                "has it. Add a participant of that role, or hand the step to a person "
                '(`to = "human"`).'
            )
        found[role] = fit[0]
        if bound.roles.get(role) is None:
            who = session.participants[fit[0]]
            if not who.is_human:
                raise RoleNotBound(
                    f"A step is handed to the role `{role}`, and mplp.toml does not say what {who.name} does "
                    f"then. Bind [roles.{role}] there."
                )
            bound = _with_role(bound, role)
    _refuse_circles(handed, bound)
    return bound, replace(made, receivers=found, bound_roles=tuple(sorted({*handed, *reviews})))


def _reviewing(
    session: Session, plan: Mapping[str, Any], made: Cast, settings: Settings, bound: Settings
) -> list[str]:
    """Roles of reviewers whose own action counts, because an approval of the plan covers it, sorted.

    In the place of the others a person is asked.
    """
    if session.mode != "pair":
        return []
    covered = {
        str(step["agent_role"])
        for step in plan["steps"]
        # Of a step with an action of its own the approval covers that, and not its role's.
        if step.get("agent_role") and step["step_id"] not in settings.steps
    } | set(receivers(plan["steps"], bound))
    reviewers = {session.participants[places[1]].role for places in made.assigned.values() if len(places) > 1}
    return sorted(reviewers & covered)


def _with_people(session: Session, plan: Mapping[str, Any], made: Cast, settings: Settings) -> Settings:
    own = {
        step["step_id"]: AgentHandoffBinding(to="human")
        for step in plan["steps"]
        if settings.binding(step) is None
        and (places := made.assigned.get(step["step_id"]))
        and session.participants[places[0]].is_human
    }
    return settings.model_copy(update={"steps": {**settings.steps, **own}}) if own else settings


def _with_role(settings: Settings, role: str) -> Settings:
    return settings.model_copy(update={"roles": {**settings.roles, role: AgentHandoffBinding(to="human")}})


def _refuse_circles(handed: Sequence[str], settings: Settings) -> None:
    """Raises RoleNotBound where roles hand their steps to each other for ever."""
    for role in handed:
        path = [role]
        while isinstance(binding := settings.roles.get(path[-1]), AgentHandoffBinding):
            to = binding.to
            if not isinstance(to, str) or to == "human":
                break
            path.append(to)
            if to in path[:-1]:
                raise RoleNotBound(
                    f"mplp.toml has roles hand their steps to each other in a circle: {' → '.join(path)}."
                )
