"""Hovers in mplp.toml: what each key means, what it takes, and which steps a role's binding is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mplp_lsp.features.hover_markup import Card, Line, code, line, listing, strong
from mplp_lsp.features.hover_roles import no_step_has_it, role_card, steps_with_role, what_it_does
from mplp_lsp.features.hover_steps import step_cards
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.names import ROLE_NAME, STEP, Name
from mplp_runtime.settings.table import LIMITS, NOT_IN_EFFECT, TABLES, Key, binding_keys

_TAKES = {
    "string": "text",
    "boolean": "`true` or `false`",
    "number": "a number, 0 or more",
    "positive": "a number above 0",
    "count": "a whole number, 1 or more",
    "count0": "a whole number, 0 or more",
    "strings": "a list of texts",
    "command": "a list: the program and its arguments",
    "url": "an address, as `http://127.0.0.1:8080/v1`",
    "variable": "the name of an environment variable",
    "to": "`human`, the name of a role, or a command as a list",
    "path": "a path inside the project",
}
_ABOUT_TABLES: Mapping[str, str] = {
    "roles": "What the steps of each role do: `[roles.<agent_role>]`.",
    "steps": 'What a single step does, whatever its role says: `[steps."<step_id>"]`.',
    "run": "How plans of this project are run.",
    "limits": "Defaults for every step; a role or a step may set narrower ones.",
    "gates": "When a run waits or asks.",
    "drift": "How the project graph is kept true to the files.",
    "collab": "With whom plans run together.",
    "learning": "Learning samples of runs.",
    "engine": "Where steps run.",
    "state": "Where the state of runs is kept.",
}


def settings_cards(
    snapshot: Snapshot, document: Document, pointer: Pointer, name: Name | None
) -> Iterator[Card]:
    """What is to be said at one place of mplp.toml; nothing in places that have no meaning."""
    if name is not None and name.kind == ROLE_NAME and name.part == "value":
        yield role_card(snapshot, name.text)
        return
    if name is not None and name.kind == STEP:
        yield from step_cards(snapshot, name, document, None)
        if name.part == "value":
            return
    if not pointer or not isinstance(pointer[0], str):
        return
    if len(pointer) == 1:
        yield from _table(pointer[0])
    elif pointer[0] in {"roles", "steps"}:
        yield from _binding(snapshot, document, pointer)
    elif pointer[0] in TABLES and isinstance(pointer[1], str):
        key = TABLES[pointer[0]].get(pointer[1])
        if key is not None:
            yield _key_card(pointer[1], f"[{pointer[0]}]", key, _not_in_effect(pointer[0], pointer[1]))


def _table(name: str) -> Iterator[Card]:
    about = _ABOUT_TABLES.get(name)
    if about is None:
        return
    keys = TABLES.get(name, {})
    rows = [line("Keys: ", *listing((line(code(key)) for key in keys), len(keys), 12))] if keys else []
    yield Card(line(strong(f"[{name}]")), [line(about)], rows)


def _binding(snapshot: Snapshot, document: Document, pointer: Pointer) -> Iterator[Card]:
    kind, word = str(pointer[0]), str(pointer[1])
    if len(pointer) == 2:
        settings = snapshot.settings
        bound = (
            None if settings is None else (settings.roles if kind == "roles" else settings.steps).get(word)
        )
        rows: list[Line] = [line("A run ", *what_it_does(bound))] if bound is not None else []
        if kind == "roles":
            rows.extend(list(steps_with_role(snapshot, word)) or no_step_has_it(snapshot))
            yield Card(line(strong(word), " · role"), (), rows)
        elif rows:
            yield Card(line(code(word), " · what this step does"), (), rows)
        return
    if not isinstance(pointer[2], str):
        return
    value = document.toml.value if document.toml is not None else {}
    table = value.get(kind)
    entry = table.get(word) if isinstance(table, Mapping) else None
    action = entry.get("action") if isinstance(entry, Mapping) else None
    key = binding_keys(action if isinstance(action, str) else None).get(pointer[2])
    if key is not None:
        whose = f"role {word}" if kind == "roles" else "a single step"
        yield _key_card(pointer[2], whose, key, None)


def _key_card(name: str, where: str, key: Key, instead: str | None) -> Card:
    rows: list[Line] = []
    if key.choices:
        rows.append(line("One of ", *listing((line(code(one)) for one in key.choices), len(key.choices), 12)))
    elif key.kind in _TAKES:
        takes = _TAKES[key.kind]
        rows.append(line(takes[0].upper() + takes[1:] if takes[0] != "`" else takes))
    if key.default is not None:
        default = key.default if " of " in key.default else code(key.default)
        rows.append(line("Default: ", default))
    if name in LIMITS and where != "[limits]":
        rows.append(line("May only be narrower than in `[limits]`"))
    rows.append(line("Example: ", code(f"{name} = {key.example}")))
    if instead is not None:
        rows.append(line("Not yet acted on: ", instead))
    return Card(line(strong(name), " · ", code(where)), [line(key.meaning)], rows)


def _not_in_effect(table: str, key: str) -> str | None:
    found = NOT_IN_EFFECT.get((table, key))
    return None if found is None else found[1]
