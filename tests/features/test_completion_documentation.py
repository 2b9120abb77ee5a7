"""What completion items say of what other people wrote: as text, whatever is in it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from lsprotocol import types

from mplp_lsp.features.completion_resolve import completion_resolve
from tests.features.completing import items
from tests.project import ABLE_CLIENT, Project, project, uuid_of

MARKDOWN = replace(ABLE_CLIENT, completion_documentation_markdown=True)
META = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}


def told(seen: Project, label: str) -> str:
    (item,) = [each for each in items(seen) if each.label == label]
    shown = completion_resolve(seen.snapshot, seen.snapshot.document(seen.uri), item).documentation
    assert isinstance(shown, types.MarkupContent)
    return shown.value


def plan(name: str, *descriptions: str, cursor: bool = True) -> str:
    """A plan whose last step is about to name another in its `dependencies`."""
    steps = [
        {"step_id": uuid_of(f"s{number}"), "description": words, "status": "pending"}
        for number, words in enumerate(descriptions)
    ]
    here = {
        "step_id": uuid_of(f"end-{name}"),
        "description": "end",
        "status": "pending",
        "dependencies": ["HERE"],
    }
    text = json.dumps({"meta": META, "plan_id": uuid_of(name), "title": name, "steps": [*steps, here]})
    return f"-- {name}.plan.json --\n{text.replace('HERE', '$0' if cursor else '')}\n"


@pytest.mark.parametrize(
    ("description", "markdown"),
    [
        ("[click](command:evil)", "**\\[click\\](command:evil)**"),
        ("<B>bold</B> ![i](x)", "**\\<B\\>bold\\</B\\> !\\[i\\](x)**"),
        ("* a `b`", "**\\* a \\`b\\`**"),
    ],
)
def test_a_description_is_no_markdown_in_a_completion(description: str, markdown: str) -> None:
    assert told(project(plan("a", description), client=MARKDOWN), description).startswith(markdown + "\n\n")
    assert told(project(plan("a", description)), description).splitlines()[0] == description


def test_a_step_without_words_has_no_empty_headline() -> None:
    shown = told(project(plan("a", ""), client=MARKDOWN), "Step 1")
    assert shown.split("\n\n") == ["Step 1 of 2, `pending`.", f"`{uuid_of('s0')}`"]


def test_the_step_of_this_plan_is_told_and_not_that_of_a_copy_beside_it() -> None:
    copy = plan("a-copy", "Old words", cursor=False)
    assert "**New words**" in told(project(copy + plan("b", "New words"), client=MARKDOWN), "New words")


def test_the_description_of_a_role_is_no_markdown_in_a_completion() -> None:
    role = {"meta": META, "role_id": uuid_of("r"), "name": "boss", "description": "[x](http://y.example)"}
    text = f'-- r.role.json --\n{json.dumps(role)}\n-- a.plan.json --\n{{"steps": [{{"agent_role": $0}}]}}'
    shown = told(project(text, client=MARKDOWN), "boss").split("\n\n")
    assert shown == ["Role `boss`: declared in r.role.json.", "\\[x\\](http\\://y.example)"]


def test_the_title_of_a_document_is_no_markdown_in_a_completion() -> None:
    context = {"meta": META, "context_id": uuid_of("c"), "title": "<I>Site</I>", "status": "active"}
    text = f'-- c.context.json --\n{json.dumps(context)}\n-- a.plan.json --\n{{"context_id": $0}}'
    assert told(project(text, client=MARKDOWN), "<I>Site</I>").startswith("**\\<I\\>Site\\</I\\>**\n\n")
