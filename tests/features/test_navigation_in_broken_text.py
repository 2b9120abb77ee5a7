"""Every navigation feature answers on broken text, and what it answers lies inside the documents."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from lsprotocol import types

from mplp_lsp.features.call_hierarchy import incoming_calls, outgoing_calls, prepare_call_hierarchy
from mplp_lsp.features.definition import definition
from mplp_lsp.features.document_links import document_links
from mplp_lsp.features.document_symbols import document_symbols
from mplp_lsp.features.highlight import document_highlight
from mplp_lsp.features.ready_json import ReadyItems, ReadyJson
from mplp_lsp.features.references import references
from mplp_lsp.features.rename import prepare_rename, rename
from mplp_lsp.features.type_hierarchy import prepare_type_hierarchy, subtypes, supertypes
from mplp_lsp.features.workspace_symbols import workspace_symbols
from mplp_lsp.server.params import shared_converter
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError
from tests.features.navigation import LINKING
from tests.features.plans import plan_value
from tests.project import expanded, project, uuid_of

PLAN = json.dumps(
    plan_value(
        steps=2,
        title="größe 😀",
        trace={"trace_id": uuid_of("t1"), "attributes": {"file": "../b.context.json"}},
        events=[{"event_id": uuid_of("e1"), "event_type": "a.b", "data": {"step_id": uuid_of("s1")}}],
    ),
    indent=1,
    ensure_ascii=False,
)
TIMELINE = expanded(
    '{"event_id": "<e1>", "plan_id": "<p1>"}\r\n\r\n{"stage_id": "<s1>", "agent_role": "tester"}'
)
TOML = expanded(
    '[roles.tester]\naction = \'tool_call\'\n[roles."a b".limits]\n[steps."<s1>"]\n'
    'to = "tester"\n[gates]\nconfirm_steps = ["tester", "<s1>"]\n'
)
TRACE = expanded(
    '{"trace_id": "<t1>", "plan_id": "<p1>", "segments": [\n'
    '{"segment_id": "<g1>", "label": "Build", "attributes": {"step_id": "<s1>"}},\n'
    '{"parent_segment_id": "<g1>"}]}'
)
TEXTS = {"a.plan.json": PLAN, "a.events.ndjson": TIMELINE, "mplp.toml": TOML, "a.trace.json": TRACE}
CONTEXT = expanded('-- b.context.json --\n{"context_id": "<c1>", "title": "Site"}\n')


def seen_as(name: str, text: str) -> tuple[Snapshot, Document]:
    seen = project(CONTEXT, client=LINKING)
    where = seen.uri.replace("b.context.json", name)
    seen.workspace.open(where, name.rpartition(".")[2], 1, text)
    snapshot = seen.again()
    document = snapshot.document(where)
    assert document is not None
    return snapshot, document


def answers(snapshot: Snapshot, document: Document, offset: int) -> Iterator[Any]:
    """What every feature says at one place; refusals are answers too."""
    here: Any = (snapshot, document, offset, None)
    identifier, start = types.TextDocumentIdentifier(document.uri), types.Position(0, 0)
    yield definition(*here)
    yield document_highlight(*here)
    for declared in (True, False):
        params = types.ReferenceParams(types.ReferenceContext(declared), identifier, start)
        yield references(snapshot, document, offset, params)
    with contextlib.suppress(MplpError):
        yield prepare_rename(*here)
    for new in (uuid_of("new"), "new name"):
        with contextlib.suppress(MplpError):
            yield rename(snapshot, document, offset, types.RenameParams(identifier, start, new))
    for step in prepare_call_hierarchy(*here) or []:
        yield step
        yield incoming_calls(snapshot, document, types.CallHierarchyIncomingCallsParams(step))
        yield outgoing_calls(snapshot, document, types.CallHierarchyOutgoingCallsParams(step))
    for item in prepare_type_hierarchy(*here) or []:
        yield item
        yield supertypes(snapshot, document, types.TypeHierarchySupertypesParams(item))
        yield subtypes(snapshot, document, types.TypeHierarchySubtypesParams(item))


def whole(snapshot: Snapshot, document: Document) -> Iterator[Any]:
    identifier = types.TextDocumentIdentifier(document.uri)
    yield document_links(snapshot, document, types.DocumentLinkParams(identifier))
    yield workspace_symbols([snapshot], types.WorkspaceSymbolParams("e"))
    symbols = document_symbols(snapshot, document, types.DocumentSymbolParams(identifier))
    assert symbols is None or json.loads(symbols.json) is not None


def ranges(value: Any) -> Iterator[types.Range]:
    """Every range in an answer, however deep."""
    if isinstance(value, ReadyJson | ReadyItems):
        yield from shared_converter().structure(
            [item["range"] for item in json.loads(value.json)], list[types.Range]
        )
    elif isinstance(value, types.Range):
        yield value
    elif isinstance(value, list | tuple):
        for each in value:
            yield from ranges(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from ranges(each)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from ranges(getattr(value, field.name))


def check(name: str, text: str, offsets: list[int]) -> None:
    snapshot, document = seen_as(name, text)
    lines = max(document.text.line_count, 2)
    found = [answer for offset in offsets for answer in answers(snapshot, document, offset)]
    for spot in ranges([*found, *whole(snapshot, document)]):
        assert (spot.start.line, spot.start.character) <= (spot.end.line, spot.end.character)
        assert spot.end.line < lines


@pytest.mark.parametrize("name", TEXTS)
def test_every_beginning_of_a_document(name: str) -> None:
    text = TEXTS[name]
    for end in range(0, len(text), 5):
        check(name, text[:end], [end, max(0, end - 20)])


@pytest.mark.parametrize("name", TEXTS)
def test_documents_with_pieces_taken_out_and_put_in(name: str) -> None:
    dice = random.Random(name)
    for _ in range(40):
        text = TEXTS[name]
        for _ in range(dice.randrange(1, 4)):
            at = dice.randrange(len(text))
            new = dice.choice(["", '"', "{", "]", ",", "\n", "\\", ":", "é", "😀", "null"])
            text = text[:at] + new + text[at + dice.choice([0, 1, 1, 5, 60]) :]
        check(name, text, [dice.randrange(len(text) + 1) for _ in range(6)])
