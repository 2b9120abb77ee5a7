"""Completion in mplp.toml: tables, their keys, and values, read off the line that is being typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice

from lsprotocol import types

from mplp_lsp.features.completion_ids import steps_of_all
from mplp_lsp.features.completion_roles import known_roles
from mplp_lsp.features.completion_settings_spot import Spot, settings_item, spot_at
from mplp_lsp.features.completion_settings_values import NOT_IN_EFFECT_WORDS, open_array, settings_values
from mplp_lsp.features.completion_text import Hole, Writer
from mplp_lsp.features.json_layout import line_end_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.settings.table import (
    ACTIONS,
    NOT_IN_EFFECT,
    OPERATION_NEEDS,
    REQUIRED,
    TABLES,
    TOP_LEVEL,
    Key,
    binding_keys,
)

_KEY = re.compile(r"[ \t]*(?P<key>[A-Za-z0-9_.\"-]*)\Z")
_OPEN_HEADER = re.compile(r"[ \t]*\[(?P<name>[^\[\]\r\n]*)\Z")
_VALUE = re.compile(r"[ \t]*(?P<key>[A-Za-z0-9_-]+)[ \t]*=[ \t]*(?P<value>.*)\Z", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_CLOSED = re.compile(r"[ \t]*(?P<bracket>\])")
# One way only to read each line end: with two, forty empty lines would take for ever.
_NO_KEYS = re.compile(r"(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r(?!\n)))*[ \t]*(?:\[|(?:#[^\r\n]*)?\Z)")
_LOOK_AHEAD = 2_000
# What every role can do until somebody says better.
_BY_A_PERSON = '\naction = "agent_handoff"\nto = "human"'
_MOST = 200
_WORD = re.compile(r"[A-Za-z0-9_-]*")
_MEANINGS: Mapping[str, str] = {
    "roles": "What the steps of a role do.",
    "steps": "What one step does, whatever its role.",
    "run": "How plans run.",
    "limits": "What a step's process may use.",
    "gates": "What waits for approval, and what blocks.",
    "drift": "How changed files are noticed.",
    "collab": "With whom plans run, and what holds where two disagree.",
    "learning": "What is kept of runs to learn from.",
    "engine": "Where steps run.",
    "state": "Where the state is kept.",
}


def settings_completion(
    snapshot: Snapshot, document: Document, offset: int, typed: str | None
) -> dict[str, object] | None:
    """What can be written at an offset of mplp.toml; `typed` is the trigger character, if one asked."""
    spot = spot_at(snapshot, document, offset)
    if "#" in re.sub(r"\"(?:[^\"\\]|\\.)*\"?", "", spot.line):
        return None
    items: Iterable[dict[str, object]]
    if not document.text.text.strip():
        items = [] if typed else [_skeleton(spot)]
    elif header := _OPEN_HEADER.match(spot.line):
        items = _headers(spot, spot.line_start + header.start("name")) if typed in (None, "[", ".") else []
    elif value := _VALUE.match(spot.line):
        items = settings_values(
            spot, value["key"], spot.line_start + value.start("value"), value["value"], typed
        )
    elif array := open_array(spot):
        items = settings_values(spot, *array, typed)
    elif (key := _KEY.match(spot.line)) and typed is None:
        at = spot.line_start + key.start("key")
        tables = _headers(spot, at, bracket="[") if not spot.rest.strip() else ()
        items = chain(_keys(spot, at), tables)
    else:
        items = []
    found = [item | {"sortText": f"{number:04}"} for number, item in enumerate(islice(items, _MOST + 1))]
    return {"isIncomplete": len(found) > _MOST, "items": found[:_MOST]} if found else None


def setting_documentation(path: list[str]) -> str:
    """What a table or a key is for, its default and an example, as Markdown; empty for unknown ones."""
    if len(path) == 1:
        return _MEANINGS.get(path[0], "")
    table, name = path[0], path[-1]
    key = (TABLES[table] if table in TABLES else binding_keys(None)).get(name)
    if key is None:
        return ""
    default = f"\n\nBy default {key.default}." if key.default is not None else ""
    return f"{key.meaning}{default}\n\nFor example `{name} = {key.example}`."


# Tables


def _headers(spot: Spot, start: int, bracket: str = "") -> Iterator[dict[str, object]]:
    """Tables that are not there yet; roles that steps name and nothing binds come first.

    A role or a step says what it does: where nothing stands below, its table comes whole.
    """
    value = spot.document.toml.value if spot.document.toml is not None else {}
    closed = _CLOSED.match(spot.rest)
    is_closed = closed is not None
    end = spot.offset + (0 if closed is None else closed.start("bracket"))
    closing = "" if is_closed and not bracket else "]"
    whole = _BY_A_PERSON.replace("\n", line_end_of(spot.document.text.slice(0, _LOOK_AHEAD)))
    is_alone = not spot.rest[closed.end() if closed is not None else 0 :].strip() and _is_empty_below(spot)
    for name, detail, about in _tables(spot, value):
        is_whole = is_alone and about[0] in ("roles", "steps")
        yield settings_item(
            spot,
            (start, end if closed is None or not is_whole else spot.offset + closed.end()),
            f"[{name}]",
            f"{bracket}{name}]{whole}" if is_whole else f"{bracket}{name}{closing}",
            types.CompletionItemKind.Module,
            detail,
            f"{bracket}{name} {detail}" if about == ["steps"] else f"{bracket}{name}",
            about,
        )


def _is_empty_below(spot: Spot) -> bool:
    """Whether no key stands between this line and the next table."""
    behind = spot.offset + len(spot.rest)
    return _NO_KEYS.match(spot.document.text.slice(behind, behind + _LOOK_AHEAD)) is not None


def _tables(spot: Spot, value: Mapping[str, object]) -> Iterator[tuple[str, str, list[str]]]:
    roles, steps = value.get("roles"), value.get("steps")
    bound = roles if isinstance(roles, Mapping) else {}
    special = steps if isinstance(steps, Mapping) else {}
    for role in known_roles(spot.snapshot, spot.document):
        if role.name not in bound:
            yield f"roles.{_name(role.name)}", role.why, ["roles"]
    tables = [name for name in TOP_LEVEL if name in TABLES and name not in value]
    idle = {name for name in tables if all((name, key) in NOT_IN_EFFECT for key in TABLES[name])}
    for name in sorted(tables, key=lambda each: each in idle):
        about = f" ({NOT_IN_EFFECT_WORDS})" if name in idle else ""
        yield name, _MEANINGS.get(name, "") + about, [name]
    for choice in steps_of_all(spot.snapshot, spot.document.uri):
        if choice.id not in special:
            yield f'steps."{choice.id}"', choice.title, ["steps"]


def _name(name: str) -> str:
    return name if _BARE.match(name) else json.dumps(name, ensure_ascii=False)


# Keys


def _keys(spot: Spot, start: int) -> Iterator[dict[str, object]]:
    """Keys this table does not have yet, those its action needs first."""
    present = spot.value
    needed = list(_needed(spot, present))
    keys = spot.keys
    word = _WORD.match(spot.rest)
    behind = len(word[0]) if word is not None else 0
    end = spot.offset + behind
    rest = spot.rest[behind:].lstrip()
    has_value = rest.startswith("=")
    if (has_value and spot.document.text.slice(start, end) in keys) or (rest and rest[0] not in "=#"):
        # A sound key stays what it is, and one line holds one of them.
        return
    for name in dict.fromkeys([*needed, *keys]):
        if name in present or name not in keys or _is_taken_by_another(name, present):
            continue
        key = keys[name]
        text = name if has_value else f"{name} = {_written(spot, key)}"
        detail = "required" if name in needed else f"default {key.default}" if key.default else ""
        if (*spot.table, name) in NOT_IN_EFFECT:
            detail = NOT_IN_EFFECT_WORDS
        kind = types.CompletionItemKind.Property
        yield settings_item(spot, (start, end), name, text, kind, detail, name, [*spot.table, name])


def _is_taken_by_another(name: str, present: Mapping[str, object]) -> bool:
    """A tool_call has either a `command` or a `server` with a `tool`; some keys belong to one of them."""
    if name == "command":
        return "server" in present or "tool" in present
    if name == "arguments":
        return "server" not in present
    if name == "formatter":
        return present.get("tool_kind") != "generator"
    return name in ("server", "tool") and "command" in present


def _needed(spot: Spot, present: Mapping[str, object]) -> Iterator[str]:
    if len(spot.table) != 2 or spot.table[0] not in ("roles", "steps"):
        return
    action = present.get("action")
    if not isinstance(action, str) or action not in ACTIONS:
        yield "action"
        return
    if action == "tool_call" and not {"command", "server", "tool"} & set(present):
        yield "command"
    yield from REQUIRED[action]
    yield from OPERATION_NEEDS.get(str(present.get("operation")), ())


def _written(spot: Spot, key: Key) -> str:
    """An example of a value, its words as tab stops where the client has them."""
    if not spot.snapshot.client.snippets:
        return key.example
    try:
        value = json.loads(key.example)
    except ValueError:
        return Writer(as_snippet=True).literal(key.example)
    return Writer(as_snippet=True).value(
        [Hole(each) for each in value] if isinstance(value, list) else Hole(value), None
    )


def _skeleton(spot: Spot) -> dict[str, object]:
    """A whole mplp.toml: every role that steps name, handed to a person until somebody says what it does."""
    lines: list[str] = []
    for role in known_roles(spot.snapshot, spot.document):
        lines += [f"[roles.{_name(role.name)}]{_BY_A_PERSON}", ""]
    detail = "every role of the plans here, done by a person for now" if lines else "how plans run"
    if not lines:
        lines = ["[run]", 'on_failure = "continue-independent"', ""]
    where = (spot.offset, spot.offset)
    kind, label = types.CompletionItemKind.Snippet, "new mplp.toml"
    about = ["run" if lines[0] == "[run]" else "roles"]
    item = settings_item(spot, where, label, "\n".join(lines), kind, detail, label, about, is_plain=True)
    return item | {"preselect": True} if spot.snapshot.client.completion_preselect else item
