"""What an edit of one line of a timeline costs, and that what is kept is what a fresh look gives."""

from __future__ import annotations

import json

import pytest

from mplp_lsp.analysis import timeline
from mplp_lsp.analysis.timeline import line_findings
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_runtime.kinds import kind_of_event
from mplp_runtime.rules.findings import Finding
from tests.project import uuid_of

LINES = 300


def a_line(number: int) -> str:
    event = {
        "event_id": uuid_of(f"e{number}"),
        "event_type": "user_message_received",
        "event_family": "intent",
        "timestamp": f"2026-03-14T09:{number // 60:02}:{number % 60:02}Z",
        "payload": {"text": "Ship it"},
    }
    return json.dumps(event) + "\n"


TEXT = "".join(map(a_line, range(LINES)))


def fresh(text: str) -> list[Finding]:
    return list(line_findings(Timeline.parse(TextSnapshot.of(text)), 1_000)[0])


def edited(before: Timeline, old: str, new: str) -> Timeline:
    start = before.text.text.index(old)
    edit = Edit(start, start + len(old), new)
    return before.edited([edit], before.text.edited(edit.start, edit.end, edit.new_text))


def test_an_edit_of_one_line_looks_at_that_line_only(monkeypatch: pytest.MonkeyPatch) -> None:
    before, lineage = Timeline.parse(TextSnapshot.of(TEXT)), dict[str, object]()
    assert line_findings(before, 1_000, lineage) == ((), 0)
    looked_at: list[object] = []
    together: list[int] = []

    def own(kind: str, value: object) -> list[Finding]:
        looked_at.append(value)
        return []

    def sequence(events: tuple[object, ...]) -> list[Finding]:
        together.append(len(events))
        return []

    monkeypatch.setattr(timeline, "own_findings", own)
    monkeypatch.setattr(timeline, "timeline_findings", sequence)
    after = edited(
        before, f'{uuid_of("e150")}", "event_type": "user', f'{uuid_of("e150")}", "event_type": "User'
    )
    line_findings(after, 1_000, lineage)
    assert len(looked_at) == 1
    assert together == [LINES + 1]
    again = edited(after, '09:02:30Z", "payload": {"text": "Ship', '09:02:30Z", "payload": {"text": "Sail')
    line_findings(again, 1_000, lineage)
    assert len(looked_at) == 2
    assert together == [LINES + 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (uuid_of("e9"), uuid_of("e8")),
        ("2026-03-14T09:01:00Z", "2026-03-14T08:01:00Z"),
        (a_line(20), ""),
        (a_line(20), a_line(20) + a_line(20)),
        ('"intent", "timestamp": "2026-03-14T09:00:30Z"', '"intnt", "timestamp": "2026-03-14T09:00:30Z"'),
        ("\n", " "),
    ],
)
def test_what_is_kept_is_what_a_fresh_look_gives(old: str, new: str) -> None:
    before, lineage = Timeline.parse(TextSnapshot.of(TEXT)), dict[str, object]()
    line_findings(before, 1_000, lineage)
    after = edited(before, old, new)
    assert list(line_findings(after, 1_000, lineage)[0]) == fresh(after.text.text)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"event_id": "e", "file_path": "a"}, "event"),
        ({"file_path": "a"}, "file-update"),
        ({"repo_url": "a"}, "git"),
        ({"run_id": "1"}, "ci"),
        ({"tool_kind": "other"}, "tool"),
        ({"sample_family": "x"}, "sample"),
        ({}, "event"),
        (42, "event"),
    ],
)
def test_a_line_without_an_envelope_is_known_by_its_members(value: object, kind: str) -> None:
    assert kind_of_event(value) == kind
