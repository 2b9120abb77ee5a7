"""What an item of a completion list stands for, told when the client asks for it: documentation only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lsprotocol import types

from mplp_lsp.features.completion_ids import nearest_first
from mplp_lsp.features.completion_keys import documentation
from mplp_lsp.features.completion_roles import known_roles
from mplp_lsp.features.hover_markup import (
    LONGEST_MESSAGE,
    Card,
    Line,
    Piece,
    code,
    cut,
    line,
    markdown,
    plain,
    strong,
)
from mplp_lsp.features.hover_steps import step_value
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.findings import Pointer
from mplp_runtime.rules.lifecycle import targets_sentence
from mplp_runtime.rules.names import STEP


def completion_resolve(
    snapshot: Snapshot, document: Document | None, params: types.CompletionItem
) -> types.CompletionItem:
    """The same item with its documentation; everything needed is in its `data` (invariant 6)."""
    data = params.data
    told = _shown(snapshot, _told(snapshot, document, data)) if isinstance(data, Mapping) else None
    if told is not None:
        params.documentation = types.MarkupContent(types.MarkupKind(told["kind"]), told["value"])
    return params


def documented(
    snapshot: Snapshot, document: Document, found: dict[str, object] | None
) -> dict[str, object] | None:
    """The list with the documentation in it, for clients that never ask for it (Neovim 0.11 among them).

    What ids stand for is left out: that costs a search for each.
    """
    items = found["items"] if found is not None else None
    if snapshot.client.completion_documentation_resolve or not isinstance(items, list):
        return found
    for item in items:
        data = item["data"]
        told = _shown(snapshot, _told(snapshot, document, data)) if "id" not in data else None
        if told is not None:
            item["documentation"] = told
    return found


def _shown(snapshot: Snapshot, lines: Iterator[Line]) -> dict[str, str] | None:
    """Paragraphs as the client can show them; None where there are none. What users wrote stays text."""
    first, *others = list(lines) or [()]
    if not first:
        return None
    card = Card(first, others)
    if snapshot.client.completion_documentation_markdown:
        return {"kind": "markdown", "value": markdown([card])}
    return {"kind": "plaintext", "value": plain([card])}


def _told(snapshot: Snapshot, document: Document | None, data: Mapping[str, object]) -> Iterator[Line]:
    schema, pointer = data.get("schema"), data.get("pointer")
    state, named, role = data.get("state"), data.get("id"), data.get("role")
    setting = data.get("setting")
    if isinstance(state, list) and len(state) == 2:
        yield line(targets_sentence(str(state[0]), str(state[1])))
    elif isinstance(schema, str) and isinstance(pointer, list):
        yield from _paragraphs(documentation(schema, _pointer(pointer)))
    elif isinstance(named, list) and len(named) == 2:
        yield from _about_id(snapshot, document, str(named[0]), str(named[1]))
    elif isinstance(role, str) and document is not None:
        yield from _about_role(snapshot, document, role)
    elif isinstance(setting, list):
        from mplp_lsp.features.completion_settings import setting_documentation

        yield from _paragraphs(setting_documentation([str(part) for part in setting]))


def _paragraphs(words: str) -> Iterator[Line]:
    """Our own words."""
    return (line(each) for each in words.split("\n\n") if each)


def _pointer(parts: list[object]) -> Pointer:
    return tuple(part if isinstance(part, int) else str(part) for part in parts)


def _about_id(snapshot: Snapshot, document: Document | None, kind: str, id_: str) -> Iterator[Line]:
    if kind == STEP:
        yield from _about_step(snapshot, document, id_)
        return
    for facts in snapshot.index.declarations(kind, id_)[:1]:
        name = facts.uri.rpartition("/")[2]
        yield line(strong(facts.title or name))
        state: list[Piece | str] = [", ", code(facts.status)] if facts.status else []
        yield line(f"{kind.capitalize()} in ", code(name), *state, ".")
    yield line(code(id_))


def _about_step(snapshot: Snapshot, document: Document | None, id_: str) -> Iterator[Line]:
    uri = document.uri if document is not None else ""
    plans = nearest_first(uri, list(snapshot.index.documents("plan")))
    # A step of the plan itself is meant, also where a copy of the plan beside it has the same ids.
    plans.sort(key=lambda plan: plan.uri != uri)
    for plan in plans:
        index = next((at for at, step in enumerate(plan.steps) if step.step_id == id_), None)
        if index is None:
            continue
        owner = snapshot.document(plan.uri)
        description = step_value(owner, index).get("description") if owner is not None else None
        if owner is not None and not owner.is_open:
            owner.rest()
        step = plan.steps[index]
        if isinstance(description, str) and description.strip():
            yield line(strong(description))
        words: list[Piece | str] = [f"Step {index + 1:,} of {len(plan.steps):,}"]
        words += [", ", code(step.status)] if step.status else []
        words += [", done by ", code(step.agent_role)] if step.agent_role else []
        yield line(*words, ".")
        if step.dependencies:
            yield line(f"Waits for {len(step.dependencies)} step{'s' if len(step.dependencies) > 1 else ''}.")
        break
    yield line(code(id_))


def _about_role(snapshot: Snapshot, document: Document, name: str) -> Iterator[Line]:
    role = next((each for each in known_roles(snapshot, document) if each.name == name), None)
    if role is None:
        return
    yield line("Role ", code(name), ": ", Piece("text", role.why), ".")
    for facts in snapshot.index.declarations("role", role.id) if role.id is not None else ():
        owner = snapshot.document(facts.uri)
        header = owner.tree.header if owner is not None and owner.tree is not None else None
        if isinstance(header, Mapping) and isinstance(header.get("description"), str):
            yield line(Piece("text", cut(header["description"], LONGEST_MESSAGE)))
