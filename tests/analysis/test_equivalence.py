"""However a text came about, what is known and shown about it is what a fresh look at it gives (D24).

At least half of the edits are inside elements and a fifth meets a broken text, as it is while people type.
`make fuzz` makes 100,000 of them and looks after each; 50 times a server that was just started is asked too.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.text.edits import difference
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.workspace import Workspace
from tests.analysis.test_incremental import (
    CONTEXT,
    ENCODINGS,
    mutated,
    plan_text,
    shown,
)
from tests.project import ROOT, expanded, uri
from tests.protocol.client import PULLING, Client, ServerUnderTest, environment

EDITS = int(os.environ.get("MPLP_FUZZ_EDITS", "5000"))
EDITS_IN_A_ROW = 100
MOST_EDITS_PER_LOOK = 1 if EDITS > 5000 else 8
FRESH_SERVERS = 50 if EDITS > 5000 else 3

PLAN = "a.plan.json"
ROLE = expanded(
    '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "role_id": "<r1>", "name": "tester"}'
)
TRACE = expanded(
    '{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, "trace_id": "<t1>", '
    '"context_id": "<c1>", "plan_id": "<p1>", "status": "running", '
    '"root_span": {"trace_id": "<t1>", "span_id": "<x1>", "context_id": "<c1>"}, "segments": ['
    '{"segment_id": "<g1>", "label": "<s1>", "status": "completed"}]}'
)

INSIDE = (
    "x", '"', ",", "}", "]", ":", " ", "\n", "\\", "0", "a", "<s1>", "<s2>", '"<s3>"', ', "<s0>"', "pending",
    '"completed"', "in_progress", '"agent_role": "writer", ', "tester", "null", "[]", "{}", "9", "é😀",
)  # fmt: skip


@dataclass
class Typist:
    """Somebody who edits the documents of a project, mostly the steps of its plan, and repairs at times."""

    chance: random.Random
    texts: dict[str, str]
    sound: dict[str, str] = field(default_factory=dict)
    edits: int = 0
    inside: int = 0
    while_broken: int = 0

    def next(self, document: Document, name: str) -> tuple[int, int, str]:
        """The next edit of a document: `start`, `end`, and what stands there afterwards."""
        text = document.text.text
        is_broken = document.is_broken
        if not is_broken:
            self.sound[name] = text
        elif self.chance.random() < 0.25 and name in self.sound:
            return difference(text, self.sound[name])
        self.edits += 1
        self.while_broken += is_broken
        table = document.tree.tables.get("steps") if document.tree is not None else None
        if table is None or not table.count or self.chance.random() < 0.3:
            return mutated(self.chance, text)
        index = self.chance.randrange(table.count)
        first = table.start_of(index) + 1
        last = max(first, table.start_of(index) + table.element(index).size - 1)
        self.inside += 1
        start = self.chance.randint(first, last)
        end = min(last, start + self.chance.choice([0, 0, 0, 1, 1, 2, 9]))
        new = "" if end > start and self.chance.random() < 0.4 else expanded(self.chance.choice(INSIDE))
        return start, end, new


def document_of(workspace: Workspace, name: str) -> Document:
    document = workspace.store.document(uri(name))
    assert document is not None
    return document


def tree_of(document: Document, offsets: list[int]) -> object:
    """All that can be seen of a tree; places by sample."""
    tree = document.tree
    if tree is None:
        return None
    return (
        repr(tree.value),
        repr(tree.header),
        list(tree.problems),
        {
            key: [
                (table.start_of(index), table.element(index).size, repr(table.element(index).value))
                for index in range(table.count)
            ]
            for key, table in tree.tables.items()
        },
        [place_of(tree, min(offset, document.text.length)) for offset in offsets],
    )


def place_of(tree: Tree, offset: int) -> object:
    hit = tree.at(offset)
    return hit, tree.range_of(hit.pointer), tree.range_of(hit.pointer, "open"), tree.is_broken(hit.pointer)


def opened(texts: dict[str, str], encoding: Any) -> Workspace:
    workspace = Workspace(encoding=encoding)
    workspace.set_folders([ROOT])
    for name in sorted(texts):
        workspace.open(uri(name), "json", 1, texts[name])
    return workspace


def starting_texts(chance: random.Random) -> dict[str, str]:
    steps = chance.choice([0, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 8, 9, 140])
    return {"a.context.json": CONTEXT, PLAN: plan_text(steps), "a.role.json": ROLE, "a.trace.json": TRACE}


def change_of(document: Document, edit: tuple[int, int, str], encoding: Any) -> tuple[Any, str]:
    start, end, new = edit
    text = document.text
    return (text.position(start, encoding), text.position(end, encoding)), new


@pytest.mark.parametrize("seed", range(max(EDITS // EDITS_IN_A_ROW, 1)))
def test_after_edits_tree_and_findings_are_those_of_a_fresh_look(seed: int) -> None:
    chance = random.Random(30_000 + seed)
    encoding = chance.choice(ENCODINGS)
    texts = starting_texts(chance)
    workspace = opened(texts, encoding)
    typist = Typist(chance, texts)
    version = edits_to_come = 1
    while typist.edits < EDITS_IN_A_ROW:
        version += 1
        name = PLAN if chance.random() < 0.9 else chance.choice(sorted(texts))
        document = document_of(workspace, name)
        edit = typist.next(document, name)
        workspace.change(uri(name), version, [change_of(document, edit, encoding)])
        after = document_of(workspace, name)
        texts[name] = after.text.text
        if len(texts[name]) > 120_000:
            break
        edits_to_come -= 1
        if edits_to_come > 0 and typist.edits < EDITS_IN_A_ROW:
            continue
        edits_to_come = chance.randint(1, MOST_EDITS_PER_LOOK)
        offsets = [edit[0], *(chance.randrange(after.text.length + 1) for _ in range(3))]
        fresh = opened(texts, encoding)
        assert tree_of(after, offsets) == tree_of(document_of(fresh, name), offsets), version
        assert shown(workspace, texts) == shown(fresh, texts), version


def test_the_edits_are_where_people_make_them() -> None:
    inside = broken = edits = 0
    for seed in range(5):
        chance = random.Random(30_000 + seed)
        texts = {PLAN: plan_text(9)}
        workspace = opened(texts, "utf-16")
        typist = Typist(chance, texts)
        for version in range(2, 300):
            document = document_of(workspace, PLAN)
            change = change_of(document, typist.next(document, PLAN), "utf-16")
            workspace.change(uri(PLAN), version, [change])
        inside, broken, edits = inside + typist.inside, broken + typist.while_broken, edits + typist.edits
    assert inside >= edits // 2
    assert broken >= edits // 5


def started(home: Path, folder: Path, texts: dict[str, str]) -> ServerUnderTest:
    server = ServerUnderTest(env=environment(home), capabilities=PULLING)
    server.client.initialize(folder)
    for name in sorted(texts):
        server.client.open((folder / name).as_uri(), texts[name])
    return server


def findings(client: Client, folder: Path, texts: dict[str, str]) -> dict[str, object]:
    # A command waits until the project is read; before, a document speaks of itself only.
    client.request("workspace/executeCommand", {"command": "mplp.serverStatus", "arguments": [{}]})
    answers = {
        name: client.request("textDocument/diagnostic", {"textDocument": {"uri": (folder / name).as_uri()}})
        for name in sorted(texts)
    }
    return {name: answer["items"] for name, answer in answers.items()}


def test_a_server_that_has_seen_every_edit_and_one_that_was_just_started_say_the_same(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    chance = random.Random(7)
    texts = {"a.context.json": CONTEXT, PLAN: plan_text(70), "a.role.json": ROLE}
    model = opened(texts, "utf-16")
    typist = Typist(chance, texts)
    with started(tmp_path / "home", folder, texts) as seasoned:
        version = 1
        for _ in range(FRESH_SERVERS):
            for _ in range(40):
                version += 1
                document = document_of(model, PLAN)
                (start, end), new = change_of(document, typist.next(document, PLAN), "utf-16")
                model.change(uri(PLAN), version, [((start, end), new)])
                place = {
                    "start": {"line": start[0], "character": start[1]},
                    "end": {"line": end[0], "character": end[1]},
                }
                seasoned.client.notify(
                    "textDocument/didChange",
                    {
                        "textDocument": {"uri": (folder / PLAN).as_uri(), "version": version},
                        "contentChanges": [{"range": place, "text": new}],
                    },
                )
            texts[PLAN] = document_of(model, PLAN).text.text
            with started(tmp_path / "home", folder, texts) as fresh:
                now = findings(seasoned.client, folder, texts)
                assert now == findings(fresh.client, folder, texts), version
