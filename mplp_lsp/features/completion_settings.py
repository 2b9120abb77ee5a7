"""Completion in mplp.toml: tables, their keys, and values, read off the line that is being typed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice

from lsprotocol import types

from mplp_lsp.features.completion_ids import IdChoice, steps_of_all
from mplp_lsp.features.completion_items import MOST_ITEMS
from mplp_lsp.features.completion_roles import known_roles
from mplp_lsp.features.completion_text import Hole, Writer
from mplp_lsp.features.places import range_between
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.settings import installed_handlers
from mplp_runtime.settings.table import (
    ACTIONS,
    OPERATION_NEEDS,
    REQUIRED,
    TABLES,
    TOP_LEVEL,
    Key,
    binding_keys,
)

_HEADER = re.compile(r"^[ \t]*\[\[?[ \t]*([^\]\r\n]*?)[ \t]*\]", re.MULTILINE)
_KEY = re.compile(r"[ \t]*(?P<key>[A-Za-z0-9_.\"-]*)\Z")
_OPEN_HEADER = re.compile(r"[ \t]*\[(?P<name>[^\[\]\r\n]*)\Z")
_VALUE = re.compile(r"[ \t]*(?P<key>[A-Za-z0-9_-]+)[ \t]*=[ \t]*(?P<value>.*)\Z", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_OPEN_STRING = re.compile(r"(?:[^\"]|\"(?:[^\"\\]|\\.)*\")*?(?P<text>\"(?:[^\"\\]|\\.)*)\Z", re.DOTALL)
_VARIABLES = ("PATH", "HOME", "LANG", "USER", "TMPDIR", "TERM", "SHELL", "TZ", "VIRTUAL_ENV", "CI")
_MEANINGS: Mapping[str, str] = {
    "roles": "What the steps of a role do.",
    "steps": "What one step does, whatever its role.",
    "run": "How plans run.",
    "limits": "What a step's process may use.",
    "gates": "What waits for approval, and what blocks.",
    "drift": "How changed files are noticed.",
    "learning": "What is kept of runs to learn from.",
    "engine": "Where steps run.",
    "state": "Where the state is kept.",
}


@dataclass(frozen=True, slots=True)
class _Spot:
    """The line at the cursor: what stands before it, where its parts start, and the table it is in."""

    snapshot: Snapshot
    document: Document
    offset: int
    line: str
    rest: str
    line_start: int
    table: tuple[str, ...]

    @property
    def value(self) -> Mapping[str, object]:
        """The table as it is now."""
        found: object = self.document.toml.value if self.document.toml is not None else {}
        for part in self.table:
            found = found.get(part) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    @property
    def keys(self) -> Mapping[str, Key]:
        """The keys this table may have."""
        if len(self.table) == 1:
            return TABLES.get(self.table[0], {})
        if len(self.table) == 2 and self.table[0] in ("roles", "steps"):
            action = self.value.get("action")
            return binding_keys(action if isinstance(action, str) else None)
        return {}


def settings_completion(
    snapshot: Snapshot, document: Document, offset: int, typed: str | None
) -> types.CompletionList | None:
    """What can be written at an offset of mplp.toml; `typed` is the trigger character, if one asked."""
    spot = _spot(snapshot, document, offset)
    if "#" in re.sub(r"\"(?:[^\"\\]|\\.)*\"?", "", spot.line):
        return None
    items: Iterable[types.CompletionItem]
    if not document.text.text.strip():
        items = [] if typed else [_skeleton(spot)]
    elif header := _OPEN_HEADER.match(spot.line):
        items = _headers(spot, spot.line_start + header.start("name")) if typed in (None, "[", ".") else []
    elif value := _VALUE.match(spot.line):
        items = _values(spot, value["key"], spot.line_start + value.start("value"), value["value"], typed)
    elif array := _open_array(spot):
        items = _values(spot, *array, typed)
    elif (key := _KEY.match(spot.line)) and typed is None:
        at = spot.line_start + key.start("key")
        items = chain(_keys(spot, at), _headers(spot, at, bracket="["))
    else:
        items = []
    found = list(islice(items, MOST_ITEMS + 1))
    for number, item in enumerate(found):
        item.sort_text = f"{number:04}"
        if item.data is not None:
            item.data = {"uri": document.uri, **item.data}
    if not found:
        return None
    return types.CompletionList(is_incomplete=len(found) > MOST_ITEMS, items=found[:MOST_ITEMS])


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


def _spot(snapshot: Snapshot, document: Document, offset: int) -> _Spot:
    text = document.text
    number, _ = text.position(offset, "utf-32")
    start = text.line_start(number)
    line = text.line(number)
    before, rest = line[: offset - start], line[offset - start :].rstrip("\r\n")
    headers = _HEADER.findall(text.slice(0, start))
    table = tuple(_parts(headers[-1])) if headers else ()
    return _Spot(snapshot, document, offset, before, rest, start, table)


def _parts(name: str) -> Iterator[str]:
    for quoted, bare in re.findall(r'"([^"]*)"|([^."\s]+)', name):
        yield quoted or bare


# Tables


def _headers(spot: _Spot, start: int, bracket: str = "") -> Iterator[types.CompletionItem]:
    """Tables that are not there yet; roles that steps name and nothing binds come first."""
    value = spot.document.toml.value if spot.document.toml is not None else {}
    is_closed = spot.rest.lstrip().startswith("]")
    end = spot.offset + (0 if not is_closed else len(spot.rest) - len(spot.rest.lstrip()))
    closing = "" if is_closed and not bracket else "]"
    for name, detail, about in _tables(spot, value):
        yield _item(
            spot,
            (start, end),
            f"[{name}]",
            f"{bracket}{name}{closing}",
            types.CompletionItemKind.Module,
            detail,
            f"{bracket}{name}",
            about,
        )


def _tables(spot: _Spot, value: Mapping[str, object]) -> Iterator[tuple[str, str, list[str]]]:
    roles, steps = value.get("roles"), value.get("steps")
    bound = roles if isinstance(roles, Mapping) else {}
    special = steps if isinstance(steps, Mapping) else {}
    for role in known_roles(spot.snapshot, spot.document):
        if role.name not in bound:
            yield f"roles.{_name(role.name)}", role.why, ["roles"]
    for name in TOP_LEVEL:
        if name in TABLES and name not in value:
            yield name, _MEANINGS.get(name, ""), [name]
    for choice in islice(steps_of_all(spot.snapshot, spot.document.uri), MOST_ITEMS):
        if choice.id not in special:
            yield f'steps."{choice.id}"', choice.title, ["steps"]


def _name(name: str) -> str:
    return name if _BARE.match(name) else json.dumps(name, ensure_ascii=False)


# Keys


def _keys(spot: _Spot, start: int) -> Iterator[types.CompletionItem]:
    """Keys this table does not have yet, those its action needs first."""
    present = spot.value
    needed = list(_needed(spot, present))
    keys = spot.keys
    has_value = spot.rest.lstrip().startswith("=")
    end = spot.offset + len(re.match(r"[A-Za-z0-9_-]*", spot.rest)[0])  # type: ignore[index]
    for name in dict.fromkeys([*needed, *keys]):
        if name in present or name not in keys:
            continue
        key = keys[name]
        text = name if has_value else f"{name} = {_written(spot, key)}"
        detail = "required" if name in needed else f"default {key.default}" if key.default else ""
        kind = types.CompletionItemKind.Property
        yield _item(spot, (start, end), name, text, kind, detail, name, [*spot.table, name])


def _needed(spot: _Spot, present: Mapping[str, object]) -> Iterator[str]:
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


def _written(spot: _Spot, key: Key) -> str:
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


# Values


def _open_array(spot: _Spot) -> tuple[str, int, str] | None:
    """Key, offset and text of a list that was opened in an earlier line and not closed."""
    before = spot.document.text.slice(0, spot.offset)
    at = max(before.rfind("\n["), 0) if before.rfind("\n[") >= 0 else 0
    lists = list(re.finditer(r"^[ \t]*([A-Za-z0-9_-]+)[ \t]*=[ \t]*(\[)", before[at:], re.MULTILINE))
    if not lists:
        return None
    found = lists[-1]
    text = before[at + found.start(2) :]
    plain = re.sub(r"\"(?:[^\"\\]|\\.)*\"?", "", text)
    return (found[1], at + found.start(2), text) if plain.count("[") > plain.count("]") else None


def _values(
    spot: _Spot, name: str, start: int, text: str, typed: str | None
) -> Iterator[types.CompletionItem]:
    """What may stand behind the equals sign, or as an entry of the list that was opened there."""
    key = spot.keys.get(name)
    if key is None:
        return
    is_list = text.startswith("[")
    if not is_list and text and not text.startswith('"') and not _BARE.match(text):
        return
    opened = _OPEN_STRING.match(text)
    at = start + (opened.start("text") if opened else len(text) if is_list else 0)
    inside = opened is not None
    if is_list and not inside:
        word = re.search(r"[A-Za-z0-9_-]*\Z", text)
        at = start + (word.start() if word else len(text))
    if typed is not None and not (
        (typed == '"' and text.endswith('"') and inside) or (typed == " " and not text)
    ):
        return
    end = spot.offset
    if inside:
        closing = re.match(r"[^\"\r\n,\]]*\"", spot.rest)
        end += len(closing[0]) if closing else 0
    else:
        end += len(re.match(r"[A-Za-z0-9_.+-]*", spot.rest)[0])  # type: ignore[index]
    taken = spot.value.get(name)
    listed = set(map(str, taken)) if is_list and isinstance(taken, list) else set()
    written = spot.document.text.slice(at, end).strip('"')
    for label, value, detail in _choices(spot, name, key, is_list=is_list):
        if value in listed and value != written:
            continue
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value).lower()
        if key.kind in ("strings", "command") and not is_list:
            shown = f"[{shown}]"
        words = f'"{label}' if inside else label
        kind = types.CompletionItemKind.Value
        yield _item(spot, (at, end), label, shown, kind, detail, words, [*spot.table, name], is_plain=True)


def _choices(spot: _Spot, name: str, key: Key, *, is_list: bool) -> Iterator[tuple[str, object, str]]:
    """Label, value and detail of what fits a key."""
    snapshot, document = spot.snapshot, spot.document
    roles = [(role.name, role.name, role.why) for role in known_roles(snapshot, document)]
    if key.kind == "choice":
        choices = key.choices or ACTIONS
        yield from ((word, word, "the default" if key.default == f'"{word}"' else "") for word in choices)
    elif key.kind == "boolean":
        yield from (
            (word, word == "true", "the default" if key.default == word else "") for word in ("true", "false")
        )
    elif key.kind == "to":
        yield "human", "human", "a person does it"
        yield from (role for role in roles if role[0] != spot.table[-1])
    elif name == "handler":
        yield from ((word, word, "installed") for word in sorted(installed_handlers()))
    elif name in ("confirm_steps", "snapshot_before"):
        yield from roles
        if name == "confirm_steps":
            yield from (_step(choice) for choice in steps_of_all(snapshot, document.uri))
    elif name == "env_allow" or key.kind == "variable":
        yield from ((word, word, "environment variable") for word in _variables(spot))
    elif key.kind in ("number", "positive", "count", "count0") and not is_list:
        for text, detail in ((key.default, "the default"), (key.example, "for example")):
            if (
                text is not None
                and text.replace(".", "", 1).isdigit()
                and (detail == "the default" or text != key.default)
            ):
                yield text, json.loads(text), detail
    elif key.kind in ("url", "path", "string") and not is_list:
        yield from (
            (text, text, "for example") for text in (json.loads(key.example),) if isinstance(text, str)
        )


def _step(choice: IdChoice) -> tuple[str, object, str]:
    return choice.title, choice.id, choice.detail


def _variables(spot: _Spot) -> list[str]:
    """Names that this file knows already, then the usual ones; what is set here is nobody's business."""
    named: list[str] = []
    pending: list[object] = [spot.document.toml.value if spot.document.toml is not None else {}]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            for key, member in value.items():
                if key == "env_allow" and isinstance(member, list):
                    named += [each for each in member if isinstance(each, str)]
                elif key.endswith("_env") and isinstance(member, str):
                    named.append(member)
                else:
                    pending.append(member)
    return list(dict.fromkeys([*named, *_VARIABLES]))


# Items


def _item(
    spot: _Spot,
    where: tuple[int, int],
    label: str,
    text: str,
    kind: types.CompletionItemKind,
    detail: str,
    words: str,
    about: list[str],
    *,
    is_plain: bool = False,
) -> types.CompletionItem:
    is_snippet = spot.snapshot.client.snippets and not is_plain and "$" in text
    return types.CompletionItem(
        label=label,
        kind=kind,
        detail=detail or None,
        filter_text=words if words != label else None,
        insert_text_format=types.InsertTextFormat.Snippet if is_snippet else None,
        text_edit=types.TextEdit(range=range_between(spot.snapshot, spot.document, *where), new_text=text),
        data={"setting": about},
    )


def _skeleton(spot: _Spot) -> types.CompletionItem:
    """A whole mplp.toml: every role that steps name, bound to a command that says what is to be written."""
    lines: list[str] = []
    for role in known_roles(spot.snapshot, spot.document):
        command = json.dumps(["echo", role.name], ensure_ascii=False)
        lines += [f"[roles.{_name(role.name)}]", 'action = "tool_call"', f"command = {command}", ""]
    if not lines:
        lines = ["[run]", 'on_failure = "continue-independent"', ""]
    return types.CompletionItem(
        label="new mplp.toml",
        kind=types.CompletionItemKind.Snippet,
        detail="every role of the plans here, bound to a command",
        filter_text="new mplp.toml",
        preselect=True,
        text_edit=types.TextEdit(
            range=range_between(spot.snapshot, spot.document, spot.offset, spot.offset),
            new_text="\n".join(lines),
        ),
        data={"setting": ["run" if lines[0] == "[run]" else "roles"]},
    )
