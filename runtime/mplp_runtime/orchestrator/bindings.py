"""What each step of a run does: resolved from mplp.toml once, at the start, and frozen with the run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mplp_runtime.ael.handlers import Handlers
from mplp_runtime.ael.isolation import isolation_problem
from mplp_runtime.ael.layer import action_problem
from mplp_runtime.ael.llm_call import network_problem
from mplp_runtime.errors import RoleNotBound
from mplp_runtime.settings import AgentHandoffBinding, Binding, Limits, Settings

Step = Mapping[str, Any]

_SIMULATED: Mapping[str, Any] = {
    "binding": {"action": "simulated"},
    "limits": Limits().model_dump(mode="json"),
}


@dataclass(frozen=True, slots=True)
class Bound:
    """The action of one step, as it was when the run started."""

    kind: str
    settings: Mapping[str, Any]
    limits: Limits
    retries: int
    idempotent: bool

    @classmethod
    def of(cls, frozen: Mapping[str, Any], step_id: str) -> Bound:
        """The action of a step, from what `frozen_bindings` made."""
        return cls._of_action(frozen["actions"][frozen["steps"][step_id]])

    @classmethod
    def of_role(cls, frozen: Mapping[str, Any], role: str) -> Bound | None:
        """The action of a role to which steps are handed over, or which reviews; None where it has none."""
        number = frozen.get("roles", {}).get(role)
        return None if number is None else cls._of_action(frozen["actions"][number])

    @classmethod
    def simulated(cls) -> Bound:
        """The action of everybody in a dry run."""
        return cls._of_action(_SIMULATED)

    @classmethod
    def _of_action(cls, action: Mapping[str, Any]) -> Bound:
        settings = action["binding"]
        return cls(
            kind=settings["action"],
            settings=settings,
            limits=Limits.model_validate(action["limits"]),
            retries=settings.get("retries", 0),
            idempotent=settings.get("idempotent", False),
        )

    @property
    def is_handoff_to_person(self) -> bool:
        return self.kind == "agent_handoff" and self.settings.get("to", "human") == "human"


def resolved_bindings(plan: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What an approval covers besides the plan: binding and limits by role, or by step where it has its own.

    A role that is bound nowhere is there with None, so that binding it later is a change.
    """
    found: dict[str, Any] = {}
    for step in plan["steps"]:
        name = _owner_of(step, settings)
        if name not in found:
            found[name] = _action_of(step, settings)
    for role in receivers(plan["steps"], settings):
        found[f"role {role}"] = _action_of({"agent_role": role}, settings)
    return found


def receivers(steps: Iterable[Step], settings: Settings) -> tuple[str, ...]:
    """The roles that steps are handed over to, directly or by whoever they were handed to; sorted."""
    bindings = {id(found): found for step in steps if (found := settings.binding(step)) is not None}
    pending, known = list(bindings.values()), set[str]()
    while pending:
        binding = pending.pop()
        to = binding.to if isinstance(binding, AgentHandoffBinding) else None
        if isinstance(to, str) and to != "human" and to not in known:
            known.add(to)
            if (next_one := settings.roles.get(to)) is not None:
                pending.append(next_one)
    return tuple(sorted(known))


def frozen_bindings(
    steps: Collection[Step], settings: Settings, *, simulate: bool, roles: Iterable[str] = ()
) -> dict[str, Any]:
    """The actions of these steps in the form that is stored with a run; equal ones are stored once.

    `roles` are those that others hand their steps to or have them reviewed by, where they are bound.
    """
    actions: list[Any] = []
    numbers: dict[str, int] = {}
    of_step: dict[str, int] = {}
    for step in steps:
        owner = "" if simulate else _owner_of(step, settings)
        if owner not in numbers:
            numbers[owner] = len(actions)
            if simulate:
                actions.append(_SIMULATED)
            else:
                actions.append(_action_of(step, settings))
        of_step[step["step_id"]] = numbers[owner]
    frozen: dict[str, Any] = {"actions": actions, "steps": of_step}
    if roles:
        frozen["roles"] = {}
    for role in roles:
        if settings.roles.get(role) is not None:
            frozen["roles"][role] = len(actions)
            actions.append(_action_of({"agent_role": role}, settings))
    return frozen


def refuse_what_cannot_run(
    steps: Iterable[Step],
    settings: Settings,
    *,
    handlers: Handlers | None = None,
    has_participants: bool = False,
) -> None:
    """Raises RoleNotBound, naming every role that has no action or one that could never be carried out.

    `handlers` are the functions registered in code. `has_participants`: a step may be handed to another role.
    """
    unbound: dict[str, None] = {}
    problems: dict[str, None] = {}
    for step in steps:
        binding = settings.binding(step)
        if binding is None:
            unbound[
                f"`{step['agent_role']}`" if step.get("agent_role") else f"step “{step['description']}”"
            ] = None
            continue
        problem = action_problem(
            binding.action,
            binding.model_dump(mode="json", exclude_none=True),
            role=step.get("agent_role"),
            handlers=handlers,
            has_participants=has_participants,
        ) or _limits_problem(binding, settings.limits_for(binding))
        if problem is not None:
            problems[problem] = None
    if unbound:
        names = ", ".join(unbound)
        raise RoleNotBound(
            f"mplp.toml does not say what to do for {names}. Bind each there, hand it to a person "
            '(action = "agent_handoff", to = "human"), or simulate the run.'
        )
    if problems:
        raise RoleNotBound(" ".join(problems))


def _limits_problem(binding: Binding, limits: Limits) -> str | None:
    """Why an action cannot be kept to its limits here; what cannot be isolated is refused, never let run."""
    if _is_process(binding):
        return isolation_problem(limits)
    if binding.action == "llm_call":
        return network_problem(network=limits.network)
    if binding.action not in {"custom_action", "step_execution", "agent_execution"}:
        return None
    if limits.network and not limits.hardened:
        return None
    wanted = "hardened = true" if limits.hardened else "network = false"
    kind = binding.action
    return f"mplp.toml says `{wanted}`, but a {kind} runs inside mplp-lsp and cannot be isolated."


def _is_process(binding: Binding) -> bool:
    if isinstance(binding, AgentHandoffBinding):
        return not isinstance(binding.to, str)
    return binding.action == "tool_call"


def _owner_of(step: Step, settings: Settings) -> str:
    if step["step_id"] in settings.steps:
        return f"step {step['step_id']}"
    return f"role {step['agent_role']}" if step.get("agent_role") else "steps without a role"


def _action_of(step: Step, settings: Settings) -> dict[str, Any] | None:
    binding = settings.binding(step)
    if binding is None:
        return None
    return {
        "binding": binding.model_dump(mode="json", exclude_none=True),
        "limits": settings.limits_for(binding).model_dump(mode="json"),
    }
