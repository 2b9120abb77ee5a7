"""Timelines, TOML and URIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.uris import key_of, path_of, same, uri_of

EVENTS = '{"event_id": "a"}\n\n{"event_id" "b"}\r\n{"event_id": "c"}\n'


def test_each_line_of_a_timeline_is_a_document() -> None:
    timeline = Timeline.parse(TextSnapshot.of(EVENTS))
    assert timeline.value == [{"event_id": "a"}, None, {"event_id": "b"}, {"event_id": "c"}, None]
    (problem,) = timeline.problems
    assert EVENTS[problem.start : problem.end] == '"event_id"'
    start, end = timeline.range_of((3, "event_id"))
    assert EVENTS[start:end] == '"c"'
    assert timeline.at(start + 1).pointer == (3, "event_id")
    assert timeline.is_broken((2,))
    assert not timeline.is_broken((3,))


def test_lines_that_an_edit_does_not_touch_stay() -> None:
    timeline = Timeline.parse(TextSnapshot.of(EVENTS))
    edit = Edit(14, 15, "z")
    after = timeline.edited([edit], timeline.text.edited(*edit))
    assert after.value[0] == {"event_id": "z"}
    assert after.lines[3] is timeline.lines[3]


TOML = """title = "x" # why
"q k".b = 1
[roles.exec]
action = "tööl" # 🚀
command = ["a",
  "b"]
[[steps]]
a = {x = 1, y.z = 2}
[[steps]]
a.b = 2
"""


@pytest.mark.parametrize(
    ("pointer", "part", "shown"),
    [
        (("title",), "value", '"x"'),
        (("title",), "key", "title"),
        (("q k", "b"), "value", "1"),
        (("roles", "exec"), "key", "exec"),
        (("roles", "exec", "action"), "value", '"tööl"'),
        (("roles", "exec", "command", 1), "value", '"b"'),
        (("roles", "exec", "missing"), "value", "exec"),
        (("steps", 0, "a", "y", "z"), "value", "2"),
        (("steps", 1, "a", "b"), "value", "2"),
        (("steps", 1, "a", "b"), "key", "b"),
    ],
)
def test_toml_places(pointer: tuple[str | int, ...], part: str, shown: str) -> None:
    tree = TomlTree.parse(TextSnapshot.of(TOML))
    assert not tree.problems
    start, end = tree.range_of(pointer, part)  # type: ignore[arg-type]
    assert TOML[start:end] == shown


def test_half_a_line_of_toml_costs_that_line() -> None:
    text = "a = 1\r\nb = \r\n[x]\r\nc = 2\r\nc = 3\r\n"
    tree = TomlTree.parse(TextSnapshot.of(text))
    assert tree.value == {"a": 1, "x": {"c": 2}}
    assert [text[p.start : p.end] for p in tree.problems] == ["b =", "c = 3"]


@pytest.mark.parametrize(
    "text", ["", "[x", "a = [" * 5000, 'a = """\nx', "\ud800 = 1", "a = 1\rb = 2", "=", "\x00", "a = '"]
)
def test_broken_toml_never_raises_and_its_ranges_are_inside(text: str) -> None:
    tree = TomlTree.parse(TextSnapshot.of(text))
    assert all(0 <= p.start <= p.end <= len(text) for p in tree.problems)
    assert tree.at(3)
    start, end = tree.range_of(("a", 0))
    assert 0 <= start <= end <= max(len(text), 1)


def test_a_number_with_thousands_of_digits_in_toml_costs_its_line_only() -> None:
    text = f"a = 1\nb = {'9' * 5000}\nc = 3\n"
    tree = TomlTree.parse(TextSnapshot.of(text))
    assert tree.value == {"a": 1, "c": 3}
    assert [text[p.start : p.end][:3] for p in tree.problems] == ["999"]


def test_a_byte_order_mark_in_toml_is_named_and_costs_nothing() -> None:
    tree = TomlTree.parse(TextSnapshot.of("\ufeff[roles.a]\nb = 1\n"))
    assert tree.value == {"roles": {"a": {"b": 1}}}
    (problem,) = tree.problems
    assert (problem.start, problem.end) == (0, 1)
    assert "byte order mark" in problem.message


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        ".".join("a" * 100_000) + " = 1",
        "a" * 1_000_000 + " = 1",
        "".join(f"a{n} = 1\n" for n in range(30_000)) + "b = \n" * 1000,
    ],
)
def test_no_toml_takes_long(text: str) -> None:
    tree = TomlTree.parse(TextSnapshot.of(text))
    assert tree.range_of(("a", "a"))[1] <= len(text)


def test_a_large_timeline_is_refused_politely_and_read_again_when_it_shrinks() -> None:
    line = '{"event_id": "数"}\n'
    large = TextSnapshot.of(line * 280_000)
    assert large.length < 5 * 1024 * 1024
    timeline = Timeline.parse(large)
    assert [problem.code for problem in timeline.problems] == ["document-too-large"]
    edit = Edit(len(line), large.length, "")
    assert timeline.edited([edit], large.edited(*edit)).value == [{"event_id": "数"}, None]


@pytest.mark.parametrize(
    "uri", ["file:///tmp/a%00b", "file:///tmp/\0b", "file:a/b", "file:", "file:%2e%2e/x"]
)
def test_a_uri_that_no_file_can_have_has_no_path(uri: str) -> None:
    assert path_of(uri) is None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("file:///c%3A/a%20b/x.json", "file:///C:/a b/x.json"),
        ("file:///c:/x", "file:///C%3a/x"),
        ("file:///tmp/%C3%A4.json", "file:///tmp/ä.json"),
        ("FILE:///tmp/x", "file:///tmp/x"),
        ("file://localhost/tmp/x", "file:/tmp/x"),
        ("file:///tmp/a%23b", "file:///tmp/a#b"),
        ("vscode-remote://ssh%2bx/%61", "vscode-remote://ssh%2Bx/a"),
    ],
)
def test_spellings_of_one_document_have_one_key(left: str, right: str) -> None:
    assert same(left, right)
    assert key_of(left) == key_of(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [("file:///tmp/a%25", "file:///tmp/a"), ("file:///tmp/A", "file:///tmp/a"), ("untitled:a", "file:///a")],
)
def test_different_documents_have_different_keys(left: str, right: str) -> None:
    assert not same(left, right)


def test_paths_and_uris_lead_to_each_other() -> None:
    for name in ("/tmp/a b/ä#1%25.json", "/tmp/x?y", "/w/数据/🚀.json"):
        assert path_of(uri_of(Path(name))) == Path(name)
    assert path_of("file:///c%3A/a%20b") == Path("C:/a b")
    with pytest.raises(ValueError, match="relative"):
        uri_of(Path("a/b"))


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "git:/a/b", "http://x/y", "", "no uri", "vscode-notebook-cell:/a#b"]
)
def test_other_schemes_have_no_path(uri: str) -> None:
    assert path_of(uri) is None
    assert isinstance(key_of(uri), str)
