"""What an approval covers: a fingerprint of the plan and of what its steps would do (D18).

Statuses and events are left out, because a run changes them; so are the stamps of the last edit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_NOT_COVERED = frozenset({"status", "events", "$comment", "steps", "meta"})
_STAMPS = frozenset({"updated_at", "updated_by"})
_STEP_FIELDS = ("description", "agent_role", "dependencies", "order_index")
_PART_DIGITS = 12


_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode


class StepDigests:
    """Digests of steps, remembered for the values of one document while it is edited.

    Only for values that nobody changes in place: a step is known by its identity.
    """

    def __init__(self) -> None:
        self._known: dict[int, _Remembered] = {}

    def whole(self, steps: Sequence[Any]) -> list[str]:
        """One digest per step, of all that is covered of it."""
        return [entry.whole for entry in self._entries(steps)]

    def by_field(self, steps: Sequence[Any]) -> dict[str, str]:
        """By step id: one short digest for each field that changes are told of, joined by dots."""
        return {entry.step["step_id"]: entry.by_field for entry in self._entries(steps)}

    def _entries(self, steps: Sequence[Any]) -> list[_Remembered]:
        """The entries of these steps; those of other steps are forgotten."""
        known, kept = self._known, {}
        for step in steps:
            entry = known.get(id(step))
            kept[id(step)] = entry if entry is not None and entry.step is step else _Remembered(step)
        self._known = kept
        return [kept[id(step)] for step in steps]


class _Remembered:
    def __init__(self, step: Mapping[str, Any]) -> None:
        self.step = step

    @cached_property
    def whole(self) -> str:
        return _digest({name: value for name, value in self.step.items() if name != "status"})

    @cached_property
    def by_field(self) -> str:
        return ".".join(_short(self.step.get(name)) for name in _STEP_FIELDS)


@dataclass(frozen=True)
class ApprovalScope:
    """The two digests decide whether an approval still holds; `parts` only serve to say what changed."""

    plan_hash: str
    bindings_hash: str
    _plan: Mapping[str, Any]
    _bindings: Mapping[str, Any]
    _digests: StepDigests

    @cached_property
    def parts(self) -> Mapping[str, Any]:
        """Short digests of the fields, steps and bindings, made when first asked for."""
        fields = _fields(self._plan)
        steps = list(self._plan.get("steps", ()))
        return {
            "fields": {name: _short(value) for name, value in sorted(fields.items())},
            "steps": self._digests.by_field(steps),
            "order": _short([step["step_id"] for step in steps]),
            "bindings": {name: _short(binding) for name, binding in sorted(self._bindings.items())},
        }

    def attributes(self) -> dict[str, Any]:
        """As kept in the Confirm's `trace.attributes`."""
        return {"plan_hash": self.plan_hash, "bindings_hash": self.bindings_hash, "parts": dict(self.parts)}


def approval_scope(
    plan: Mapping[str, Any], bindings: Mapping[str, Any], digests: StepDigests | None = None
) -> ApprovalScope:
    """The scope of an approval of `plan` now. `bindings` maps a role or step to its resolved binding.

    `digests` are those of earlier versions of the same plan, where it is asked about again and again.

    >>> steps = [{"step_id": "a", "description": "x", "status": "pending"}]
    >>> plan = {"title": "Build", "status": "draft", "steps": steps}
    >>> later = {**plan, "status": "approved"}
    >>> approval_scope(plan, {}).plan_hash == approval_scope(later, {}).plan_hash
    True
    """
    digests = digests or StepDigests()
    plan_hash = _digest([_fields(plan), digests.whole(list(plan.get("steps", ())))])
    return ApprovalScope(plan_hash, _digest(dict(bindings)), plan, bindings, digests)


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
    found: list[str] = []
    if before == now:
        return found
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


def _fields(plan: Mapping[str, Any]) -> dict[str, Any]:
    covered = {name: value for name, value in plan.items() if name not in _NOT_COVERED}
    meta = plan.get("meta")
    if isinstance(meta, Mapping):
        covered["meta"] = {name: value for name, value in meta.items() if name not in _STAMPS}
    return covered


def _mapping(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = value.get(name)
    return inner if isinstance(inner, Mapping) else {}


def _digest(value: Any) -> str:
    return hashlib.sha256(_encoded(value).encode("ascii")).hexdigest()


def _short(value: Any) -> str:
    return _digest(value)[:_PART_DIGITS]
