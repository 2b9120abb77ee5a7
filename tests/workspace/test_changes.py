from __future__ import annotations

import hashlib
from difflib import ndiff
from pathlib import PurePath

from hypothesis import given
from hypothesis import strategies as st

from mplp_lsp.workspace.changes import (
    FileChange,
    FileState,
    Quiet,
    Settled,
    content_hash,
    file_change,
    language_of,
    line_counts,
    lines_of,
)

A = PurePath("/w/a.plan.json")
B = PurePath("/w/b.plan.json")


def told(settled: list[Settled]) -> list[FileChange]:
    return [change for one in settled if (change := one.change()) is not None]


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def text(content: str) -> FileState:
    return FileState.of_text(content)


def test_lines_end_as_in_lsp() -> None:
    assert lines_of("a\r\nb\rc\u2028d\n") == ["a", "b", "c\u2028d"]
    assert lines_of("") == []
    assert lines_of("\n\n") == ["", ""]


def test_counts_are_those_of_a_line_diff() -> None:
    assert line_counts("a\nb\nc\n", "a\nx\ny\nc\n") == (2, 1)
    assert line_counts("", "a\nb") == (2, 0)
    assert line_counts("a\nb", "") == (0, 2)
    assert line_counts("a\n", "a\n") == (0, 0)


@given(st.lists(st.sampled_from("abc"), max_size=8), st.lists(st.sampled_from("abc"), max_size=8))
def test_counts_always_add_up(old: list[str], new: list[str]) -> None:
    added, removed = line_counts("\n".join(old), "\n".join(new))
    before, after = len(lines_of("\n".join(old))), len(lines_of("\n".join(new)))
    assert before + added - removed == after
    assert 0 <= added <= after
    assert 0 <= removed <= before


def test_counts_agree_with_another_diff_on_an_ordinary_edit() -> None:
    old = [f"line {number}" for number in range(200)]
    new = [*old[:50], "new", *old[51:120], *old[125:]]
    marks = [line[0] for line in ndiff(old, new)]
    assert line_counts("\n".join(old), "\n".join(new)) == (marks.count("+"), marks.count("-"))


def test_a_rewritten_large_file_is_counted_quickly() -> None:
    old = "\n".join(f"old {number}" for number in range(50_000))
    new = "\n".join(f"new {number}" for number in range(60_000))
    assert line_counts(old, new) == (60_000, 50_000)


def test_the_hash_is_over_the_bytes_of_the_file() -> None:
    assert content_hash("ä") == "sha256:" + hashlib.sha256("ä".encode()).hexdigest()
    assert content_hash("ä".encode()) == content_hash("ä")
    assert content_hash("\ud800").startswith("sha256:")


def test_each_kind_of_change_is_named() -> None:
    created = file_change(A, None, text("a\n"), source="disk")
    deleted = file_change(A, text("a\n"), None, source="disk")
    modified = file_change(A, text("a\n"), text("b\n"), source="editor", language_id="mplp-plan")
    renamed = file_change(B, text("a\n"), text("a\n"), source="disk", previous_path=A)
    assert created is not None
    assert deleted is not None
    assert modified is not None
    assert renamed is not None
    assert (created.change_type, created.lines_added, created.lines_removed) == ("created", 1, 0)
    assert (deleted.change_type, deleted.lines_added, deleted.lines_removed) == ("deleted", 0, 1)
    assert deleted.content_hash is None
    assert (modified.change_type, modified.language, modified.source) == ("modified", "mplp-plan", "editor")
    assert modified.content_hash == content_hash("b\n")
    assert (renamed.change_type, renamed.previous_path, renamed.lines_added) == ("renamed", A, 0)
    assert created.language == "json"


def test_a_touch_is_no_change() -> None:
    assert file_change(A, text("a"), text("a"), source="disk") is None
    assert file_change(A, None, None, source="disk") is None


def test_unknown_content_gives_no_counts() -> None:
    change = file_change(A, FileState(), text("a"), source="disk")
    assert change is not None
    assert (change.change_type, change.lines_added, change.lines_removed) == ("modified", None, None)


def test_the_language_is_the_editors_word_else_the_extension() -> None:
    assert language_of(PurePath("x.py")) == "python"
    assert language_of(PurePath("x.py"), "cython") == "cython"
    assert language_of(PurePath("Dockerfile")) == "dockerfile"
    assert language_of(PurePath("x.unheard")) is None


def test_typing_becomes_one_change_once_it_is_quiet() -> None:
    clock = Clock()
    quiet = Quiet(clock)
    quiet.note(A, text("a\n"), text("ab\n"), source="editor")
    clock.now += 0.4
    quiet.note(A, text("ab\n"), text("abc\n"), source="editor")
    clock.now += 0.4
    assert told(quiet.due()) == []
    assert quiet.seconds_until_due() is not None
    clock.now += 0.2
    changes = told(quiet.due())
    assert [(change.path, change.lines_added, change.lines_removed) for change in changes] == [(A, 1, 1)]
    assert changes[0].content_hash == content_hash("abc\n")
    assert told(quiet.due()) == []
    assert quiet.seconds_until_due() is None


def test_typing_that_never_stops_is_reported_all_the_same() -> None:
    clock = Clock()
    quiet = Quiet(clock, quiet_s=0.5, longest_s=2.0)
    seen = 0
    for number in range(60):
        quiet.note(A, text(str(number)), text(str(number + 1)), source="editor")
        clock.now += 0.1
        seen += len(told(quiet.due()))
    assert seen in {2, 3}


def test_what_was_undone_never_happened() -> None:
    clock = Clock()
    quiet = Quiet(clock)
    quiet.note(A, text("a"), text("b"), source="editor")
    quiet.note(A, text("b"), text("a"), source="editor")
    quiet.note(B, None, text("x"), source="disk")
    quiet.note(B, text("x"), None, source="disk")
    assert told(quiet.flush()) == []


def test_deleting_and_creating_again_is_a_modification() -> None:
    quiet = Quiet(Clock())
    quiet.note(A, text("a"), None, source="disk")
    quiet.note(A, None, text("b"), source="disk")
    assert [change.change_type for change in told(quiet.flush())] == ["modified"]


def test_a_rename_keeps_its_first_name_and_its_edits() -> None:
    quiet = Quiet(Clock())
    c = PurePath("/w/c.plan.json")
    quiet.note(A, text("a\n"), text("a\nb\n"), source="editor")
    quiet.note_renamed(A, B, text("a\nb\n"), source="editor")
    quiet.note_renamed(B, c, text("a\nb\n"), source="editor")
    (change,) = told(quiet.flush())
    assert (change.change_type, change.path, change.previous_path) == ("renamed", c, A)
    assert (change.lines_added, change.lines_removed) == (1, 0)


def test_a_new_file_that_is_renamed_at_once_was_created_there() -> None:
    quiet = Quiet(Clock())
    quiet.note(A, None, text("a\n"), source="editor")
    quiet.note_renamed(A, B, text("a\n"), source="editor")
    (change,) = told(quiet.flush())
    assert (change.change_type, change.path, change.previous_path) == ("created", B, None)


def test_the_editors_word_outranks_the_watchers_echo() -> None:
    quiet = Quiet(Clock())
    quiet.note(A, text("a"), text("b"), source="editor", language_id="json")
    quiet.note(A, text("a"), text("b"), source="disk")
    (change,) = told(quiet.flush(A))
    assert change.source == "editor"


def test_a_flush_of_one_file_leaves_the_others() -> None:
    quiet = Quiet(Clock())
    quiet.note(A, None, text("a"), source="disk")
    quiet.note(B, None, text("b"), source="disk")
    assert [change.path for change in told(quiet.flush(A))] == [A]
    assert told(quiet.flush(PurePath("/w/none"))) == []
    assert [change.path for change in told(quiet.flush())] == [B]
