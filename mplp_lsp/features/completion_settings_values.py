"""Values of mplp.toml: words, roles, steps, handlers, names of variables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from lsprotocol import types

from mplp_lsp.features.completion_ids import IdChoice, steps_of_all
from mplp_lsp.features.completion_roles import known_roles
from mplp_lsp.features.completion_settings_spot import Spot, settings_item
from mplp_runtime.rules.settings import installed_handlers
from mplp_runtime.settings.table import ACTIONS, Key

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_OPEN_STRING = re.compile(r"(?:[^\"]|\"(?:[^\"\\]|\\.)*\")*?(?P<text>\"(?:[^\"\\]|\\.)*)\Z", re.DOTALL)
_VARIABLES = ("PATH", "HOME", "LANG", "USER", "TMPDIR", "TERM", "SHELL", "TZ", "VIRTUAL_ENV", "CI")
_WORD = re.compile(r"[A-Za-z0-9_.+-]*")
_LAST_WORD = re.compile(r"[A-Za-z0-9_-]*\Z")
# What a new value takes the place of; a list that goes on in the next lines is left alone.
_WHOLE_VALUE = re.compile(r"[ \t]*(?:\"(?:[^\"\\]|\\.)*\"|[A-Za-z0-9_.+-]+)?[ \t]*(?=#|\Z)")
_REST_OF_STRING = re.compile(r"[^\"\r\n,\]]*\"")
NOT_IN_EFFECT_WORDS = "not in effect in this version"


def open_array(spot: Spot) -> tuple[str, int, str] | None:
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


class _Extent(NamedTuple):
    """What is typed of a value, and whether it is a string whose closing quote stands there."""

    start: int
    end: int
    is_string: bool
    is_closed: bool


def settings_values(
    spot: Spot, name: str, start: int, text: str, typed: str | None
) -> Iterator[dict[str, object]]:
    """What may stand behind the equals sign, or as an entry of the list that was opened there."""
    key, extent = spot.keys.get(name), _extent(spot, start, text)
    if key is None or extent is None:
        return
    has_begun = (typed == '"' and text.endswith('"') and extent.is_string) or (typed == " " and not text)
    if typed is not None and not has_begun:
        return
    is_list = text.startswith("[")
    taken = spot.value.get(name)
    listed = set(map(str, taken)) if is_list and isinstance(taken, list) else set()
    written = spot.document.text.slice(extent.start, extent.end).strip('"')
    separators = _separators(spot, extent, text[: extent.start - start] if is_list else "")
    for label, value, detail in _choices(spot, name, key, is_list=is_list):
        if value == "" or (value in listed and value != written):
            continue
        shown = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value).lower()
        if key.kind in ("strings", "command") and not is_list:
            shown = f"[{shown}]"
        yield _value(spot, extent, label, shown.join(separators), detail, [*spot.table, name])


def _extent(spot: Spot, start: int, text: str) -> _Extent | None:
    """What a value at the cursor takes the place of; None where something else stands there."""
    is_list = text.startswith("[")
    if not is_list and text and not text.startswith('"') and not _BARE.match(text):
        return None
    opened = _OPEN_STRING.match(text)
    if opened is not None:
        closing = _REST_OF_STRING.match(spot.rest)
        end = spot.offset + (len(closing[0]) if closing else 0)
        return _Extent(start + opened.start("text"), end, True, closing is not None)
    behind = (_WORD if is_list else _WHOLE_VALUE).match(spot.rest)
    if behind is None:
        return None
    typed = len(_LAST_WORD.findall(text)[0]) if is_list else len(text)
    return _Extent(start + len(text) - typed, spot.offset + len(behind[0].rstrip()), False, False)


def _value(
    spot: Spot, extent: _Extent, label: str, text: str, detail: str, path: list[str]
) -> dict[str, object]:
    """One item. Quotes that stand there already stay where they can, as in JSON."""
    start, end, words = extent.start, extent.end, label
    if extent.is_string and text.startswith('"'):
        start, text = start + 1, text[1:]
        if extent.is_closed and text.endswith('"'):
            end, text = end - 1, text[:-1]
    elif extent.is_string:
        words = f'"{label}'
    kind = types.CompletionItemKind.Value
    return settings_item(spot, (start, end), label, text, kind, detail, words, path, is_plain=True)


def _separators(spot: Spot, extent: _Extent, listed: str) -> tuple[str, str]:
    """Commas that an entry needs around it; a blank for a value that stands close to its sign."""
    text = spot.document.text
    if not listed:
        return (" " if text.slice(extent.start - 1, extent.start) == "=" else ""), ""
    before = "" if listed.rstrip()[-1:] in "[," else ", "
    follows = text.slice(extent.end, text.length).lstrip()[:1]
    return before, "" if follows in ("", ",", "]", "#") else ","


def _choices(spot: Spot, name: str, key: Key, *, is_list: bool) -> Iterator[tuple[str, object, str]]:
    """Label, value and detail of what fits a key."""
    snapshot, document = spot.snapshot, spot.document
    roles = [(role.name, role.name, role.why) for role in known_roles(snapshot, document)]
    if key.kind == "choice":
        choices = key.choices or ACTIONS
        for word in choices:
            is_idle = name == "kind" and word != "local"
            detail = "the default" if key.default == f'"{word}"' else ""
            yield word, word, NOT_IN_EFFECT_WORDS if is_idle else detail
    elif key.kind == "boolean":
        yield from (
            (word, word == "true", "the default" if key.default == word else "") for word in ("true", "false")
        )
    elif key.kind == "to":
        yield "human", "human", "a person does it"
        others = (role.name for role in known_roles(snapshot, document) if role.name != spot.table[-1])
        yield from ((role, role, "another role, in a run with several participants") for role in others)
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


def _variables(spot: Spot) -> list[str]:
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
