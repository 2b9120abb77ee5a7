"""Laws of completion: whatever is accepted leaves a sound document, and broken text never breaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lsprotocol import types

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.workspace.kinds import FileRules
from tests.features.completing import accepted, items
from tests.features.plans import plan_text
from tests.project import Project, project

CONTEXT = (
    '-- a.context.json --\n{"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}, '
    '"context_id": "<c1>", "root": {"domain": "d", "environment": "e"}, "title": "Site", '
    '"status": "active"}\n'
)
RULES = FileRules.of(
    {f"*.{kind}.json": kind for kind in ("file-update", "git", "ci", "tool")},
    (),
)
KINDS = (
    *("context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network"),
    *("event", "sample", "file-update", "git", "ci", "tool"),
)
# What says which schema governs the document: after it is changed, other members are missing by right.
DECIDES_THE_SCHEMA = {"event_family", "sample_family", "event_type"}


def seen_as(kind: str, text: str) -> Project:
    return project(f"{CONTEXT}-- new.{kind}.json --\n{text}", rules=RULES)


def errors(kind: str, text: str) -> list[tuple[object, str]]:
    seen = seen_as(kind, text)
    found = diagnostics(seen.snapshot, seen.uri)
    return [(one.code, one.message) for one in found if one.severity == types.DiagnosticSeverity.Error]


def full_documents(kind: str) -> Iterator[str]:
    """Each new document of a kind, with every member that may be added at its top."""
    empty = seen_as(kind, "$0")
    for skeleton in items(empty):
        text = accepted(empty, skeleton)
        while offered := items(seen_as(kind, open_at_end := text.rstrip()[:-1].rstrip() + "\n  $0\n}")):
            text = accepted(seen_as(kind, open_at_end), offered[0])
        yield text


def places(text: str) -> list[int]:
    """Every offset but those between two letters of a word."""
    return [at for at in range(len(text) + 1) if not (text[at - 1 : at] + text[at : at + 1]).isalnum()]


@pytest.mark.parametrize("kind", KINDS)
def test_every_offer_at_every_place_of_a_sound_document_leaves_it_sound(kind: str) -> None:
    # Also in objects inside: what was put in is itself a place for the next member.
    for text in full_documents(kind):
        assert errors(kind, text) == []
        seen = seen_as(kind, text)
        tried: set[tuple[str, str, int]] = set()
        for offset in places(text):
            for item in items(seen, offset=offset):
                assert isinstance(item.text_edit, types.TextEdit)
                where = item.text_edit.range
                line = text.split("\n")[where.start.line]
                # At each of the blanks of one line the same is offered.
                place = (item.label, str(where) if line.strip() else "", where.start.line)
                is_other_schema = any(f'"{word}"' in line for word in DECIDES_THE_SCHEMA)
                if place in tried or is_other_schema:
                    continue
                tried.add(place)
                assert errors(kind, accepted(seen, item)) == [], (item.label, line)


@pytest.mark.parametrize("kind", ["plan", "trace", "confirm", "collab", "dialog", "network", "core"])
def test_lists_filled_with_new_objects_stay_sound(kind: str) -> None:
    for text in full_documents(kind):
        while '": []' in text:
            at = text.index('": []') + 4
            seen = seen_as(kind, f"{text[:at]}$0{text[at:]}")
            new = [item for item in items(seen) if item.label.startswith("new ")]
            if not new:
                text = f"{text[:at]} {text[at:]}"
                continue
            text = accepted(seen, new[0])
            json.loads(text)
        assert errors(kind, text) == []


@pytest.mark.parametrize("trigger", [None, '"', ":", ",", " "])
def test_every_beginning_of_a_plan_is_answered_with_edits_of_one_line(trigger: str | None) -> None:
    whole = plan_text()
    for length in range(0, len(whole) + 1, 2 if trigger is None else 7):
        text = whole[:length]
        seen = project(f"{CONTEXT}-- a.plan.json --\n{text}")
        for item in items(seen, trigger, length):
            assert isinstance(item.text_edit, types.TextEdit)
            where = item.text_edit.range
            assert where.start.line == where.end.line == text.count("\n")
            document = seen.snapshot.document(seen.uri)
            assert document is not None
            assert document.text.offset(where.end.line, where.end.character, "utf-16") <= length


@pytest.mark.parametrize("cut", ['"', "{", "}", "[", "]", ":", ","])
def test_a_plan_that_lacks_one_sign_is_answered_everywhere(cut: str) -> None:
    whole = plan_text(steps=1)
    spots = [at for at, sign in enumerate(whole) if sign == cut]
    for at in spots[:: max(1, len(spots) // 6)]:
        seen = project(f"{CONTEXT}-- a.plan.json --\n{whole[:at]}{whole[at + 1 :]}")
        for offset in range(0, len(whole), 4):
            items(seen, offset=offset)


SETTINGS = (
    '[roles.tester]\naction = "tool_call"\ncommand = ["true"]\n\n[limits]\nenv_allow = [\n  "PATH",\n]\n'
)


def test_every_beginning_of_the_settings_is_answered() -> None:
    for length in range(len(SETTINGS) + 1):
        seen = project(f"{CONTEXT}-- mplp.toml --\n{SETTINGS[:length]}")
        for trigger in (None, '"', " ", "[", ".", ","):
            for item in items(seen, trigger, length):
                assert accepted(seen, item)


def test_every_offer_in_the_settings_leaves_them_sound() -> None:
    files = f"{CONTEXT}-- a.plan.json --\n{plan_text()}\n-- mplp.toml --\n"
    seen = project(files + SETTINGS)
    before = diagnostics(seen.snapshot, seen.uri)
    assert [one for one in before if one.severity == types.DiagnosticSeverity.Error] == []
    tried: set[tuple[str, int]] = set()
    for offset in range(len(SETTINGS) + 1):
        line = SETTINGS.count("\n", 0, offset)
        for item in items(seen, offset=offset):
            # A new table needs its keys, a table in the middle takes those behind it, and another action
            # needs other keys: these are beginnings.
            if item.label.startswith("[") or SETTINGS.split("\n")[line].startswith("action"):
                continue
            if (item.label, line) in tried:
                continue
            tried.add((item.label, line))
            text = accepted(seen, item)
            after = project(files + text)
            found = diagnostics(after.snapshot, after.uri)
            grave = [one for one in found if one.severity == types.DiagnosticSeverity.Error]
            assert grave == [], (item.label, text)
    assert tried
