"""Our few classes against lsprotocol's, which come from the specification itself."""

from __future__ import annotations

import enum
import json
from typing import Any

import attrs
import pytest
from lsprotocol import types as official
from lsprotocol.converters import get_converter

from mplp_lsp.lsp import answers, kinds, methods, params, types, values
from mplp_lsp.lsp.reading import Misfit, read
from mplp_lsp.lsp.structure import Structure, plain_of
from mplp_lsp.lsp.table import PARAMS
from mplp_lsp.server.encoded import encode
from mplp_lsp.server.routes import ROUTES

CONVERTER = get_converter()
NOT_READ = {"work_done_token", "partial_result_token"}

STRUCTURES = sorted(
    {
        one.__name__: one
        for module in (answers, params, values)
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, Structure) and one is not Structure
    }.values(),
    key=lambda one: one.__name__,
)
KINDS = [one for one in vars(kinds).values() if isinstance(one, type) and issubclass(one, enum.Enum)]


@pytest.mark.parametrize("ours", STRUCTURES, ids=lambda one: one.__name__)
def test_a_structure_has_the_members_of_the_specification(ours: type[Structure]):
    theirs = {field.name: field for field in attrs.fields(getattr(official, ours.__name__))}
    missing = set(theirs) - set(ours.names) - NOT_READ - ({"tags"} if ours is types.CodeAction else set())
    assert (missing, set(ours.names) - set(theirs)) == (set(), set())
    assert ours.required == {name for name in ours.names if theirs[name].default is attrs.NOTHING}


@pytest.mark.parametrize("ours", KINDS, ids=lambda one: one.__name__)
def test_names_stand_for_the_same_numbers_and_words(ours: type[enum.Enum]):
    theirs = getattr(official, ours.__name__)
    assert {one.name: one.value for one in ours} == {one.name: one.value for one in theirs}


def test_messages_are_called_the_same():
    names = {name: value for name, value in vars(methods).items() if name.isupper()}
    assert names == {name: getattr(official, name) for name in names}


def test_the_params_of_a_method_are_those_of_the_specification():
    assert {method: one.__name__ for method, one in PARAMS.items()} == {
        method: official.METHOD_TO_TYPES[method][2].__name__ for method in PARAMS
    }


def test_the_params_of_everything_that_is_answered_are_read():
    assert {route.method for route in ROUTES} <= PARAMS.keys()


def test_every_name_can_be_had_in_one_place():
    assert set(types.__all__) >= {one.__name__ for one in [*STRUCTURES, *KINDS]}


PLACE = {"line": 3, "character": 14}
SPOT = {"start": PLACE, "end": {"line": 4, "character": 0}}
FILE = {"textDocument": {"uri": "file:///a.plan.json"}}
EDIT = {"range": SPOT, "newText": "\ud800 é"}
ITEM = {
    "name": "step",
    "kind": 12,
    "uri": "file:///a",
    "range": SPOT,
    "selectionRange": SPOT,
    "data": {"id": [1, None]},
}
FOUND = {
    "range": SPOT,
    "message": "m",
    "severity": 1,
    "code": "json-syntax",
    "codeDescription": {"href": "https://example.org"},
    "tags": [1],
    "relatedInformation": [{"location": {"uri": "file:///b", "range": SPOT}, "message": "here"}],
    "data": {"a": 1},
}
DOCUMENT_CHANGES = [
    {"textDocument": {"uri": "file:///a", "version": None}, "edits": [EDIT, {**EDIT, "annotationId": "x"}]},
    {"kind": "create", "uri": "file:///n", "options": {"overwrite": False}},
    {"kind": "rename", "oldUri": "file:///n", "newUri": "file:///m", "annotationId": "x"},
    {"kind": "delete", "uri": "file:///m", "options": {"recursive": True}},
]

MESSAGES: list[tuple[str, dict[str, Any]]] = [
    (
        "DidOpenTextDocumentParams",
        {"textDocument": {"uri": "u", "languageId": "x", "version": -1, "text": ""}},
    ),
    (
        "DidChangeTextDocumentParams",
        {
            "textDocument": {"uri": "u", "version": 2},
            "contentChanges": [{"range": SPOT, "rangeLength": 3, "text": "a"}, {"text": "all"}],
        },
    ),
    ("DidSaveTextDocumentParams", {**FILE, "text": "saved"}),
    ("DidChangeWatchedFilesParams", {"changes": [{"uri": "u", "type": 2}]}),
    ("DidChangeWorkspaceFoldersParams", {"event": {"added": [{"uri": "u", "name": "n"}], "removed": []}}),
    ("RenameFilesParams", {"files": [{"oldUri": "a", "newUri": "b"}]}),
    ("CompletionParams", {**FILE, "position": PLACE, "context": {"triggerKind": 2, "triggerCharacter": '"'}}),
    ("ReferenceParams", {**FILE, "position": PLACE, "context": {"includeDeclaration": True}}),
    (
        "CodeActionParams",
        {**FILE, "range": SPOT, "context": {"diagnostics": [FOUND], "only": ["quickfix"], "triggerKind": 1}},
    ),
    ("DocumentFormattingParams", {**FILE, "options": {"tabSize": 2, "insertSpaces": True}}),
    ("SelectionRangeParams", {**FILE, "positions": [PLACE, PLACE]}),
    ("CallHierarchyIncomingCallsParams", {"item": ITEM}),
    ("CallHierarchyIncomingCall", {"from": ITEM, "fromRanges": [SPOT]}),
    (
        "CodeAction",
        {
            "title": "t",
            "kind": "quickfix",
            "diagnostics": [FOUND],
            "isPreferred": True,
            "disabled": {"reason": "r"},
            "edit": {
                "changes": {"file:///a": [EDIT]},
                "documentChanges": DOCUMENT_CHANGES,
                "changeAnnotations": {"x": {"label": "l", "needsConfirmation": True}},
            },
            "command": {"title": "t", "command": "c", "arguments": [{"a": None}, 1]},
        },
    ),
    (
        "CompletionItem",
        {
            "label": "l",
            "labelDetails": {"detail": "d", "description": "e"},
            "kind": 4,
            "documentation": {"kind": "markdown", "value": "v"},
            "sortText": "1",
            "insertTextFormat": 2,
            "insertTextMode": 1,
            "textEdit": EDIT,
            "additionalTextEdits": [EDIT],
            "commitCharacters": [","],
            "data": 1,
        },
    ),
    ("CompletionItem", {"label": "l", "textEdit": {"newText": "n", "insert": SPOT, "replace": SPOT}}),
    (
        "InlayHint",
        {
            "position": PLACE,
            "label": [{"value": "v", "tooltip": "t", "location": {"uri": "u", "range": SPOT}}],
            "kind": 1,
            "paddingLeft": True,
        },
    ),
    ("InlayHint", {"position": PLACE, "label": "plain"}),
    ("WorkspaceSymbol", {"location": {"uri": "u"}, "name": "n", "kind": 5, "data": {}}),
    ("WorkspaceSymbol", {"location": {"uri": "u", "range": SPOT}, "name": "n", "kind": 5}),
    ("SelectionRange", {"range": SPOT, "parent": {"range": SPOT, "parent": {"range": SPOT}}}),
]


@pytest.mark.parametrize(("name", "message"), MESSAGES, ids=[f"{n}-{m[0]}" for n, m in enumerate(MESSAGES)])
def test_what_is_read_is_written_again_as_the_official_library_writes_it(name: str, message: dict[str, Any]):
    ours = read(getattr(types, name), message)
    theirs = CONVERTER.structure(message, getattr(official, name))
    assert plain_of(ours) == json.loads(encode(ours)) == message == CONVERTER.unstructure(theirs)
    assert ours == read(getattr(types, name), json.loads(encode(ours)))


def _mutilated(value: Any, path: tuple[Any, ...] = ()) -> Any:
    """Every place of a message, with what cannot stand there."""
    for key, member in value.items() if isinstance(value, dict) else enumerate(value):
        if key in {"data", "arguments"}:
            continue
        yield (*path, key)
        if isinstance(member, dict | list):
            yield from _mutilated(member, (*path, key))


@pytest.mark.parametrize(("name", "message"), MESSAGES, ids=[f"{n}-{m[0]}" for n, m in enumerate(MESSAGES)])
def test_what_fits_nowhere_is_refused_wherever_it_stands(name: str, message: dict[str, Any]):
    for path in _mutilated(message):
        broken = json.loads(json.dumps(message))
        inner = broken
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = 10.5
        with pytest.raises(Misfit):
            read(getattr(types, name), broken)


@pytest.mark.parametrize("line", [-1, 2**31, "1", None, True, 0.5, [], {}])
def test_a_line_is_a_whole_number_that_is_not_too_large(line: object):
    with pytest.raises(Misfit):
        read(types.Position, {"line": line, "character": 0})


def test_a_whole_number_may_be_written_with_a_point():
    assert read(types.Position, {"line": 3.0, "character": 2**31 - 1}) == types.Position(3, 2**31 - 1)


def test_a_change_whose_range_is_unsound_is_not_taken_for_the_whole_text():
    change = {"text": "", "range": {"start": PLACE}}
    message = {"textDocument": {"uri": "u", "version": 2}, "contentChanges": [change]}
    with pytest.raises(Misfit):
        read(types.DidChangeTextDocumentParams, message)


def test_what_is_not_known_is_passed_over():
    assert read(types.TextDocumentIdentifier, {"uri": "u", "of": "later"}) == types.TextDocumentIdentifier(
        "u"
    )


def test_a_member_that_lsp_wants_said_is_null_and_others_are_left_out():
    written = encode([types.OptionalVersionedTextDocumentIdentifier("u"), types.Command("t", "c")])
    assert json.loads(written) == [{"uri": "u", "version": None}, {"title": "t", "command": "c"}]


def test_a_structure_takes_each_member_once():
    for wrong in (
        lambda: types.Location("u"),  # type: ignore[call-arg]
        lambda: types.Location("u", uri="u"),  # type: ignore[call-arg,misc]
        lambda: types.Location("u", None, 3),  # type: ignore[call-arg,arg-type]
        lambda: types.TextDocumentIdentifier("u", version=1),  # type: ignore[call-arg]
    ):
        with pytest.raises(TypeError):
            wrong()


def test_equality_is_about_members_and_kind():
    assert types.Command("t", "c") == types.Command(title="t", command="c", tooltip=None)
    assert types.Command("t", "c") != types.Command("t", "d")
    assert types.FileCreate("u") != types.FileDelete("u")
    assert repr(types.Position(1, 2)) == "Position(line=1, character=2)"


def test_what_has_no_form_in_json_is_an_error():
    with pytest.raises(TypeError):
        encode({"a": object()})
