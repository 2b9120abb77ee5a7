"""What an approval covers: a fingerprint of the plan and of what its steps would do (D18).

Statuses and events are left out, because a run changes them; so are the stamps of the last edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NOT_COVERED = frozenset({"status", "events", "$comment", "steps", "meta"})
_STAMPS = frozenset({"updated_at", "updated_by"})
_STEP_FIELDS = ("description", "agent_role", "dependencies", "order_index")
_PART_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ApprovalScope:
    """The two digests decide whether an approval still holds; `parts` only serve to say what changed."""

    plan_hash: str
    bindings_hash: str
    parts: Mapping[str, Any]

    def attributes(self) -> dict[str, Any]:
        """As kept in the Confirm's `trace.attributes`."""
        return {"plan_hash": self.plan_hash, "bindings_hash": self.bindings_hash, "parts": dict(self.parts)}


def approval_scope(plan: Mapping[str, Any], bindings: Mapping[str, Any]) -> ApprovalScope:
    """The scope of an approval of `plan` now. `bindings` maps a role or step to its resolved binding.

    >>> steps = [{"step_id": "a", "description": "x", "status": "pending"}]
    >>> plan = {"title": "Build", "status": "draft", "steps": steps}
    >>> later = {**plan, "status": "approved"}
    >>> approval_scope(plan, {}) == approval_scope(later, {})
    True
    """
    covered = _covered(plan)
    return ApprovalScope(
        plan_hash=_digest(covered),
        bindings_hash=_digest(dict(bindings)),
        parts={
            "fields": {name: _short(value) for name, value in sorted(covered.items()) if name != "steps"},
            "steps": {
                step["step_id"]: ".".join(_short(step.get(name)) for name in _STEP_FIELDS)
                for step in covered["steps"]
            },
            "order": _short([step["step_id"] for step in covered["steps"]]),
            "bindings": {name: _short(binding) for name, binding in sorted(bindings.items())},
        },
    )


def changes(approved: Mapping[str, Any], now: ApprovalScope, plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What differs between an approved scope's attributes and the scope now, in short sentences.

    Steps are named by their description in `plan`, which is the plan now.
    """
    if approved.get("plan_hash") == now.plan_hash and approved.get("bindings_hash") == now.bindings_hash:
        return ()
    before = approved.get("parts")
    if not isinstance(before, Mapping) or not isinstance(approved.get("plan_hash"), str):
        return ("the approval does not say what it covers",)
    found = [
        *_field_changes(_mapping(before, "fields"), now.parts["fields"]),
        *_step_changes(_mapping(before, "steps"), now.parts["steps"], plan),
    ]
    if not found and before.get("order") != now.parts["order"]:
        found.append("the order of the steps changed")
    found.extend(_binding_changes(_mapping(before, "bindings"), now.parts["bindings"]))
    return tuple(found) or ("the plan or its bindings changed",)


def _field_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    names = sorted(before.keys() | now.keys())
    return [f"{name} changed" for name in names if before.get(name) != now.get(name)]


def _step_changes(before: Mapping[str, Any], now: Mapping[str, Any], plan: Mapping[str, Any]) -> list[str]:
    found = []
    described = {step["step_id"]: step.get("description", "") for step in plan["steps"]}
    for step_id, fingerprint in now.items():
        name = f"step “{described.get(step_id) or step_id}”"
        if step_id not in before:
            found.append(f"{name} was added")
        elif before[step_id] != fingerprint:
            fields = zip(_STEP_FIELDS, str(before[step_id]).split("."), fingerprint.split("."), strict=False)
            changed = [field for field, old, new in fields if old != new]
            found.append(f"{name}: {', '.join(changed) or 'its content'} changed")
    found.extend(f"step {step_id} was removed" for step_id in before if step_id not in now)
    return found


def _binding_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    found = []
    for name in sorted(before.keys() | now.keys()):
        if name not in now:
            found.append(f"the binding of {name} was removed")
        elif name not in before:
            found.append(f"the binding of {name} was added")
        elif before[name] != now[name]:
            found.append(f"the binding of {name} changed")
    return found


def _covered(plan: Mapping[str, Any]) -> dict[str, Any]:
    covered = {name: value for name, value in plan.items() if name not in _NOT_COVERED}
    meta = plan.get("meta")
    if isinstance(meta, Mapping):
        covered["meta"] = {name: value for name, value in meta.items() if name not in _STAMPS}
    covered["steps"] = [
        {name: value for name, value in step.items() if name != "status"} for step in plan.get("steps", ())
    ]
    return covered


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _short(value: Any) -> str:
    return _digest(value)[:_PART_DIGITS]
