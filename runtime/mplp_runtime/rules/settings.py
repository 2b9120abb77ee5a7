"""What is wrong with an mplp.toml: plain data in, findings out, one per fault."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from importlib.metadata import entry_points

from mplp_runtime.rules.findings import Finding, Pointer
from mplp_runtime.rules.settings_values import did_you_mean, guess, setting_finding, value_findings
from mplp_runtime.rules.world import World
from mplp_runtime.settings.codes import SETTINGS_CODES, SettingsCode
from mplp_runtime.settings.placeholders import KNOWN, unknown_placeholders_in
from mplp_runtime.settings.table import (
    ACTIONS,
    BINDING_KEYS,
    IDLE_LIMITS,
    LIMITS,
    NOT_IN_EFFECT,
    OPERATION_NEEDS,
    REQUIRED,
    TABLES,
    TOP_LEVEL,
    Key,
    binding_keys,
)

__all__ = ["HANDLER_GROUP", "SETTINGS_CODES", "SettingsCode", "installed_handlers", "settings_findings"]

HANDLER_GROUP = "mplp_lsp.actions"
_DEFAULT_VARIABLES = ("PATH", "HOME", "LANG")
_DEFAULT_LIMITS: Mapping[str, float] = {
    name: float(key.default)
    for name, key in LIMITS.items()
    if key.kind in {"positive", "count"} and key.default is not None
}


def installed_handlers() -> frozenset[str]:
    """Names and `module:function` values of the entry points for custom actions; none of them is imported."""
    found = entry_points(group=HANDLER_GROUP)
    return frozenset(word for point in found for word in (point.name, point.value))


class _Installed(Container[str]):
    """The installed handlers, listed once one is asked for: that reads the metadata of every package."""

    def __init__(self) -> None:
        self._words: frozenset[str] | None = None

    def __contains__(self, word: object) -> bool:
        if self._words is None:
            self._words = installed_handlers()
        return word in self._words


def settings_findings(
    data: Mapping[str, object], *, world: World | None = None, handlers: Collection[str] | None = None
) -> list[Finding]:
    """Findings about a parsed mplp.toml, in the order of the file; [] for a sound one.

    With a `world` that has plans, roles and steps that no plan uses are found as well. `handlers` are the
    custom actions that exist; those installed, unless given.
    """
    findings: list[Finding] = []
    known: Container[str] = _Installed() if handlers is None else handlers
    for name, value in data.items():
        if name in TABLES:
            findings += _table((name,), value, TABLES[name])
        elif name in {"roles", "steps"}:
            findings += _bindings(name, value, known)
        else:
            findings.append(_unknown((name,), name, TOP_LEVEL, "mplp.toml has no"))
    idle = [finding for finding in findings if finding.code == "settings-not-in-effect"]
    nowhere = {finding.place.pointer for finding in idle}
    findings += [each for each in _wider_limits(data) if each.place.pointer not in nowhere]
    findings += _not_in_effect(data)
    if world is not None:
        findings += _unused(data, world)
    return findings


def _table(pointer: Pointer, value: object, keys: Mapping[str, Key]) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield setting_finding(
            "settings-type-invalid", f"`{pointer[-1]}` must be a table: write [{pointer[-1]}].", pointer
        )
        return
    for name, item in value.items():
        if name in keys:
            yield from value_findings((*pointer, name), name, item, keys[name])
        else:
            yield _unknown((*pointer, name), name, keys, f"[{'.'.join(map(str, pointer))}] has no")


def _bindings(table: str, value: object, handlers: Container[str]) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        form = "[roles.tester]" if table == "roles" else '[steps."<step_id>"]'
        yield setting_finding(
            "settings-type-invalid", f"`{table}` must be a table of tables: write {form}.", (table,)
        )
        return
    for name, binding in value.items():
        yield from _binding((table, name), binding, handlers)


def _binding(pointer: Pointer, value: object, handlers: Container[str]) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield setting_finding(
            "settings-type-invalid", f"`{pointer[-1]}` must be a table with an `action`.", pointer
        )
        return
    action = value.get("action")
    if "action" not in value:
        likely = [name for name, keys in BINDING_KEYS.items() if not set(keys).isdisjoint(value)]
        hint = f' Write action = "{likely[0]}"?' if likely else f" Possible: {', '.join(ACTIONS)}."
        message = f"`{pointer[-1]}` does not say what it does: `action` is missing.{hint}"
        yield setting_finding("settings-action-missing", message, pointer, "open", {"likely": likely})
    elif isinstance(action, str) and action not in ACTIONS:
        message = f"`{action}` is no action. Possible: {', '.join(ACTIONS)}.{did_you_mean(action, ACTIONS)}"
        yield setting_finding(
            "settings-action-unknown", message, (*pointer, "action"), data=guess(action, ACTIONS)
        )
    known = action if isinstance(action, str) and action in ACTIONS else None
    keys = binding_keys(known)
    for name, item in value.items():
        place = (*pointer, name)
        if name == "action" and isinstance(item, str):
            continue
        if name not in keys and "action" not in value and isinstance(item, str) and item in ACTIONS:
            message = f"What a step does is called `action`, not `{name}`."
            yield setting_finding("settings-key-unknown", message, place, "key", {"replacement": "action"})
        elif name not in keys:
            yield _misplaced(place, name, known, keys)
        else:
            yield from value_findings(place, name, item, keys[name])
    if known is not None:
        yield from _missing(pointer, known, value)
        yield from _senseless(pointer, known, value)
        yield from _idle(pointer, known, value)
    handler = value.get("handler")
    if "handler" in keys and known is not None and isinstance(handler, str):
        yield from _handler((*pointer, "handler"), handler, handlers)


def _handler(pointer: Pointer, handler: str, handlers: Container[str]) -> Iterator[Finding]:
    if handler not in handlers:
        message = f"`{handler}` is not installed: no entry point of `{HANDLER_GROUP}` has this name."
        yield setting_finding("settings-handler-missing", message, pointer)


def _senseless(pointer: Pointer, action: str, value: Mapping[str, object]) -> Iterator[Finding]:
    """Values that fit their keys and yet cannot mean what was meant."""
    if action == "tool_call" and "formatter" in value and value.get("tool_kind") != "generator":
        message = '`formatter` follows a generator: it needs tool_kind = "generator" beside it.'
        yield setting_finding("settings-key-unknown", message, (*pointer, "formatter"), "key")
    if action == "tool_call" and "arguments" in value and "server" not in value:
        message = "`arguments` are for a tool of an MCP `server`; a command has them in its list."
        yield setting_finding("settings-key-unknown", message, (*pointer, "arguments"), "key")
    for name in {"llm_call": ("prompt", "system"), "tool_call": ("arguments",)}.get(action, ()):
        for unknown in unknown_placeholders_in(value.get(name)):
            message = f"`{{{unknown}}}` stands for nothing.{did_you_mean(unknown, KNOWN)}"
            yield setting_finding("settings-value-unknown", message, (*pointer, name))


def _idle(pointer: Pointer, action: str, value: Mapping[str, object]) -> Iterator[Finding]:
    """The limits that mean nothing for an action."""
    to = value.get("to", "human")
    if action == "agent_handoff" and to != "human":
        return
    names, reason = IDLE_LIMITS.get(action, ((), ""))
    for name, item in value.items():
        if name in names and not list(value_findings((), name, item, LIMITS[name])):
            message = f"`{name}` is not in effect here: {reason}."
            yield setting_finding("settings-not-in-effect", message, (*pointer, name))


def _misplaced(place: Pointer, name: str, action: str | None, keys: Mapping[str, Key]) -> Finding:
    owners = [owner for owner, own in BINDING_KEYS.items() if name in own]
    if owners:
        message = f"`{name}` belongs to {' and '.join(owners)}; a {action} has no use for it."
        return setting_finding("settings-key-unknown", message, place, "key")
    return _unknown(place, name, keys, f"A {action or 'binding'} has no")


def _missing(pointer: Pointer, action: str, value: Mapping[str, object]) -> Iterator[Finding]:
    needed: tuple[str, ...] = REQUIRED[action]
    if action == "tool_call":
        needed = ("server", "tool") if {"server", "tool"} & set(value) else ("command",)
    operation = value.get("operation")
    if action == "file_operation" and isinstance(operation, str):
        needed += OPERATION_NEEDS.get(operation, ())
    keys = binding_keys(action)
    for name in needed:
        if name not in value:
            what = f"the operation {operation}" if name in {"source", "target", "content"} else action
            message = f"`{name}` is missing: {what} needs it. For example: {name} = {keys[name].example}"
            yield setting_finding(
                "settings-key-missing", message, pointer, "open", {"key": name, "example": keys[name].example}
            )
    if action == "tool_call" and "command" in value and ("server" in value or "tool" in value):
        message = "A tool_call has either a `command` or a `server` with a `tool`, not both."
        yield setting_finding("settings-key-unknown", message, (*pointer, "command"), "key")


def _wider_limits(data: Mapping[str, object]) -> Iterator[Finding]:
    limits = data.get("limits")
    own = limits if isinstance(limits, Mapping) else {}
    for table in ("roles", "steps"):
        bindings = data.get(table)
        for name, binding in bindings.items() if isinstance(bindings, Mapping) else ():
            if isinstance(binding, Mapping):
                yield from _wider((table, name), binding, own)


def _wider(
    pointer: Pointer, binding: Mapping[str, object], limits: Mapping[str, object]
) -> Iterator[Finding]:
    for key, default in _DEFAULT_LIMITS.items():
        given, wanted = limits.get(key, default), binding.get(key)
        is_limit = _is_number(given) and given > 0  # type: ignore[operator]
        if is_limit and _is_number(wanted) and wanted > given:  # type: ignore[operator]
            shown = f"{given:.15g}" if isinstance(given, float) else given
            message = f"`{key}` = {wanted} is more than [limits] gives; {shown} counts."
            yield setting_finding("settings-limit-wider", message, (*pointer, key))
    for key, strict in (("network", False), ("hardened", True)):
        if limits.get(key) is strict and binding.get(key) is (not strict):
            word = str(strict).lower()
            message = f"`{key}` is {word} in [limits], and a role may only narrow that; {word} counts."
            yield setting_finding("settings-limit-wider", message, (*pointer, key))
    allowed, names = limits.get("env_allow", _DEFAULT_VARIABLES), binding.get("env_allow")
    for index, variable in enumerate(names if isinstance(names, list) else ()):
        if isinstance(allowed, list | tuple) and isinstance(variable, str) and variable not in allowed:
            message = f"`{variable}` is not in `env_allow` of [limits], so the process does not see it."
            yield setting_finding("settings-limit-wider", message, (*pointer, "env_allow", index))


def _not_in_effect(data: Mapping[str, object]) -> Iterator[Finding]:
    for (table, name), (idle, instead) in NOT_IN_EFFECT.items():
        values = data.get(table)
        value = values.get(name) if isinstance(values, Mapping) else None
        if (
            value is not None
            and value not in idle
            and not list(value_findings((), name, value, TABLES[table][name]))
        ):
            message = f"`{name}` is not in effect in this version: {instead}."
            yield setting_finding("settings-not-in-effect", message, (table, name))


def _unused(data: Mapping[str, object], world: World) -> Iterator[Finding]:
    plans = list(world.documents("plan"))
    if not plans:
        return
    steps = [step for plan in plans for step in plan.steps]
    roles_used = {step.agent_role for step in steps} | set(_handoffs(data))
    roles, overrides = data.get("roles"), data.get("steps")
    for name in roles if isinstance(roles, Mapping) else ():
        if name not in roles_used:
            known = sorted(role for role in roles_used if role)
            message = f"No step of any plan here has the role `{name}`.{did_you_mean(name, known)}"
            data = guess(
                name, [role for role in known if not isinstance(roles, Mapping) or role not in roles]
            )
            place = ("roles", name)
            yield setting_finding("settings-role-unused", message, place, "key", data, unnecessary=True)
    ids = {step.step_id for step in steps}
    yield from _gates(data, sorted(word for word in {*roles_used, *ids} if word))
    for name in overrides if isinstance(overrides, Mapping) else ():
        if name not in ids:
            message = f"No plan here has a step with the id {name}."
            yield setting_finding("settings-step-unknown", message, ("steps", name), "key")


def _gates(data: Mapping[str, object], known: Collection[str]) -> Iterator[Finding]:
    """A gate for what is not there never closes: nobody would be asked."""
    for table, name in (("gates", "confirm_steps"), ("drift", "snapshot_before")):
        values = data.get(table)
        entries = values.get(name) if isinstance(values, Mapping) else None
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, str) and entry not in known:
                message = f"`{entry}` is neither the role nor the id of a step of any plan here."
                message += did_you_mean(entry, known)
                place = (table, name, index)
                yield setting_finding("settings-gate-unknown", message, place, data=guess(entry, known))


def _handoffs(data: Mapping[str, object]) -> Iterator[str]:
    for table in ("roles", "steps"):
        bindings = data.get(table)
        for binding in bindings.values() if isinstance(bindings, Mapping) else ():
            to = binding.get("to") if isinstance(binding, Mapping) else None
            if isinstance(to, str):
                yield to


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unknown(pointer: Pointer, name: str, known: Iterable[str], subject: str) -> Finding:
    names = list(known)
    message = f"{subject} `{name}`.{did_you_mean(name, names) or ' Possible: ' + ', '.join(names) + '.'}"
    return setting_finding("settings-key-unknown", message, pointer, "key", guess(name, known))
