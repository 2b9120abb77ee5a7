"""A plan's dependency graph as text, Mermaid or DOT: each step by its description, with how it stands.

The same plan and run give the same text, and nothing a user wrote can leave its label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from mplp_lsp.features import checkpoint
from mplp_lsp.features.hover_markup import cut
from mplp_lsp.features.hover_runs import run_of_plan, status_sign
from mplp_lsp.features.hover_steps import state_of_step
from mplp_lsp.features.places import STEPS
from mplp_lsp.features.plan_steps import steps_by_id
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

GraphFormat = Literal["mermaid", "dot"]
LONGEST_LABEL = 80

# Mermaid reads these inside quotes too; `#code;` is its own way to write a sign.
_MERMAID = {sign: f"#{ord(sign)};" for sign in '"#&<>`%{}[]\\*~'}
# It reads labels as Markdown: a number or a dash in front makes a list, which it refuses to draw.
_LIST = re.compile(r"^(\d+)([.)])|^([-+])(?=\s)")
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_COLOURS: Mapping[str, tuple[str, str]] = {
    "pending": ("#ffffff", "#6e7781"),
    "in progress": ("#ddf4ff", "#0969da"),
    "completed": ("#dafbe1", "#1a7f37"),
    "blocked": ("#fff8c5", "#9a6700"),
    "interrupted": ("#fff8c5", "#9a6700"),
    "skipped": ("#f6f8fa", "#8c959f"),
    "failed": ("#ffebe9", "#cf222e"),
    "unknown": ("#ffffff", "#cf222e"),
}


def graph_text(snapshot: Snapshot, plan: Document, form: GraphFormat) -> str | None:
    """The graph of a plan, one line per step and per edge; None for documents without a list of steps.

    A step stands as the newest run says, else as the file does; a dry run does not count. A dependency on
    nothing known has a node of its own, drawn in red.
    """
    if plan.kind != "plan" or plan.tree is None or STEPS not in plan.tree.tables:
        return None
    lines = _mermaid(snapshot, plan) if form == "mermaid" else _dot(snapshot, plan)
    return "\n".join(lines) + "\n"


def _steps(plan: Document) -> Iterator[Mapping[str, Any]]:
    tree = plan.tree
    for block in tree.tables[STEPS].blocks if tree is not None else ():
        checkpoint()
        for element in block.elements:
            yield element.value if isinstance(element.value, Mapping) else {}


def _nodes(snapshot: Snapshot, plan: Document) -> Iterator[tuple[str, str, str, str]]:
    """For each step: node, what it is called, how it stands, and its id."""
    for number, step in enumerate(_steps(plan), start=1):
        description, step_id = step.get("description"), step.get("step_id")
        shown_id = step_id if isinstance(step_id, str) else ""
        has_words = isinstance(description, str) and description.strip()
        human = description if isinstance(description, str) and has_words else shown_id or f"Step {number}"
        state = state_of_step(snapshot, plan, step) or "pending"
        yield f"s{number}", cut(human, LONGEST_LABEL), state, cut(shown_id, LONGEST_LABEL)


def _edges(plan: Document) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """From the step that comes first to the one that waits; and the nodes of ids that no step has."""
    known = steps_by_id(plan)
    unknown: dict[str, str] = {}
    edges: dict[tuple[str, str], None] = {}
    for number, step in enumerate(_steps(plan), start=1):
        dependencies = step.get("dependencies")
        for needed in dependencies if isinstance(dependencies, list) else ():
            if not isinstance(needed, str):
                continue
            found = known.get(needed)
            source = f"s{found[0] + 1}" if found else unknown.setdefault(needed, f"u{len(unknown) + 1}")
            edges[source, f"s{number}"] = None
    return list(edges), unknown


def _headline(snapshot: Snapshot, plan: Document) -> str:
    header = plan.tree.header if plan.tree is not None else None
    members: Mapping[str, Any] = header if isinstance(header, Mapping) else {}
    run = run_of_plan(snapshot, members.get("plan_id"))
    title = members.get("title")
    said = [cut(title, LONGEST_LABEL) if isinstance(title, str) and title.strip() else "Plan"]
    if isinstance(members.get("status"), str):
        said.append(cut(members["status"], 20))
    if run is not None and not run.simulated:
        said.append(f"run {run.generation} {run.status}")
    return ", ".join(said)


def _mermaid(snapshot: Snapshot, plan: Document) -> Iterator[str]:
    yield f"%% {_mermaid_label(_headline(snapshot, plan))}"
    yield "flowchart TD"
    states: dict[str, None] = {}
    for node, human, state, _ in _nodes(snapshot, plan):
        states[_class(state)] = None
        yield f'  {node}["{_mermaid_label(human)}<br/>{_mermaid_label(_state(state))}"]:::{_class(state)}'
    edges, unknown = _edges(plan)
    for step_id, node in unknown.items():
        states["unknown"] = None
        yield f'  {node}["{_mermaid_label(cut(step_id, LONGEST_LABEL))}<br/>unknown"]:::unknown'
    for source, target in edges:
        yield f"  {source} --> {target}"
    for name, (fill, stroke) in _COLOURS.items():
        if name.replace(" ", "_") in states:
            yield f"  classDef {name.replace(' ', '_')} fill:{fill},stroke:{stroke},color:#1f2328"


def _dot(snapshot: Snapshot, plan: Document) -> Iterator[str]:
    yield f"digraph {_dot_label(_headline(snapshot, plan))} {{"
    yield '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontcolor="#1f2328"];'
    for node, human, state, step_id in _nodes(snapshot, plan):
        yield f"  {node} [{_dot_node(human, state)}, tooltip={_dot_label(step_id)}];"
    edges, unknown = _edges(plan)
    for step_id, node in unknown.items():
        yield f"  {node} [{_dot_node(cut(step_id, LONGEST_LABEL), 'unknown')}];"
    for source, target in edges:
        yield f"  {source} -> {target};"
    yield "}"


def _dot_node(human: str, state: str) -> str:
    fill, stroke = _COLOURS.get(state, _COLOURS["pending"])
    # The line break is DOT's own; what people wrote has no backslash left that could make another.
    label = f"{_dot_label(human)[:-1]}\\n{_dot_label(_state(state))[1:]}"
    return f'label={label}, fillcolor="{fill}", color="{stroke}"'


def _state(state: str) -> str:
    sign = status_sign(state.replace(" ", "_"))
    return cut(f"{sign} {state}" if sign else state, 30)


def _class(state: str) -> str:
    """Only states we know become part of the syntax."""
    return state.replace(" ", "_") if state in _COLOURS else "pending"


def _mermaid_label(text: str) -> str:
    """Text inside a Mermaid label.

    >>> _mermaid_label('say "hi" %%{init}')
    'say #34;hi#34; #37;#37;#123;init#125;'
    >>> _mermaid_label("1. Build the *whole* __site__ of my_team")
    '1#46; Build the #42;whole#42; #95;#95;site#95;#95; of my_team'
    """
    shown = "".join(_MERMAID.get(sign, sign) for sign in text)
    shown = _EMPHASIS.sub("#95;", shown)
    return _LIST.sub(lambda match: (match[1] or "") + f"#{ord(match[2] or match[3])};", shown)


def _dot_label(text: str) -> str:
    r"""Text as a DOT string.

    >>> _dot_label('a "b" \\N')
    '"a \\"b\\" \\\\N"'
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
