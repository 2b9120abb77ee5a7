"""What an edit costs and what it leaves alone."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from mplp_lsp.text.edits import Change, Edit, apply
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree


def plan(steps: int) -> str:
    value = {
        "meta": {"protocol_version": "1.0.0"},
        "title": "A plan",
        "steps": [{"step_id": f"s{n}", "dependencies": [], "order_index": n} for n in range(steps)],
        "events": [{"event_id": n} for n in range(5)],
    }
    return json.dumps(value, indent=2)


TEXT = plan(1000)
TREE = Tree.parse(TextSnapshot.of(TEXT))


def edited(start: int, end: int, text: str) -> Tree:
    after = TREE.text.edited(start, end, text)
    return TREE.edited([Edit(start, end, text)], after)


def kept(tree: Tree) -> int:
    before = {id(element) for element in TREE.tables["steps"].rows.spans}
    return sum(id(element) in before for element in tree.tables["steps"].rows.spans)


def test_an_edit_inside_a_step_makes_one_new_element_and_one_new_block() -> None:
    at = TEXT.index('"s500"') + 2
    tree = edited(at, at, "x")
    assert kept(tree) == 999
    assert tree.tables["events"].blocks[0] is TREE.tables["events"].blocks[0]
    before = {id(block) for block in TREE.tables["steps"].blocks}
    assert sum(id(block) not in before for block in tree.tables["steps"].blocks) == 1
    assert tree.tables["steps"].element(500).value["step_id"] == "sx500"
    assert tree.header is TREE.header


@pytest.mark.parametrize(
    ("mark", "new"),
    [('"s500"', '"s500'), ('"s500",', '"s500"'), ('"s500"', "{"), ('"s500"', "}"), ('"s500"', "]")],
)
def test_a_break_in_a_step_leaves_all_but_its_neighbours(mark: str, new: str) -> None:
    at = TEXT.index(mark)
    tree = edited(at, at + len(mark), new)
    assert tree.problems
    assert kept(tree) >= 998
    assert tree.tables["steps"].element(tree.tables["steps"].count - 1).value["step_id"] == "s999"


def test_a_step_that_goes_or_comes_leaves_the_others() -> None:
    start, end = TREE.range_of(("steps", 400))
    tree = edited(start, end + 1, "")
    assert tree.tables["steps"].count == 999
    # The one before is read again: what follows decides whether its last bracket is believed.
    assert kept(tree) >= 997
    assert not tree.problems
    tree = edited(start, start, '{"step_id": "new"},\n    ')
    assert tree.tables["steps"].count == 1001
    assert kept(tree) >= 998
    assert not tree.problems


def test_an_edit_of_the_header_leaves_every_block() -> None:
    at = TEXT.index("A plan")
    tree = edited(at, at + 1, "The")
    assert [id(b) for b in tree.tables["steps"].blocks] == [id(b) for b in TREE.tables["steps"].blocks]
    assert tree.header == TREE.header | {"title": "The plan"}


def test_edits_here_and_there_in_one_batch_leave_what_lies_between() -> None:
    snapshot, edits = TREE.text, []
    for name in ('"s900"', '"s500"', '"s100"'):
        at = TEXT.index(name) + 2
        edits.append(Edit(at, at, "x"))
        snapshot = snapshot.edited(at, at, "x")
    tree = TREE.edited(edits, snapshot)
    assert kept(tree) == 997
    assert tree.value == Tree.parse(TextSnapshot.of(snapshot.text)).value


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        '{"steps": [{"a": ' + "[" * 100_000 + "]" * 100_000 + '}], "x": 1}',
        '{"steps": [{"a": ' + "[" * 100_000,
        '{"meta": ' + "[" * 100_000 + "]" * 100_000 + ', "x": 1}',
    ],
    ids=range(7),
)
@pytest.mark.timeout(20)
def test_very_deep_nesting_is_one_problem(text: str) -> None:
    tree = Tree.parse(TextSnapshot.of(text))
    assert [p.code for p in tree.problems] == ["json-nesting-too-deep"]


def test_very_deep_nesting_takes_little_memory() -> None:
    snapshot = TextSnapshot.of('{"steps": [' + "[" * 100_000 + "]" * 100_000 + "]}")
    tracemalloc.start()
    try:
        Tree.parse(snapshot)
        assert tracemalloc.get_traced_memory()[1] < 50 * 1024 * 1024
    finally:
        tracemalloc.stop()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text",
    [
        "," * 50_000,
        '{"a"' + ":" * 50_000,
        '{"a":' * 500 + '"b":' * 5000,
        "/*" * 50_000,
        '"' * 50_001,
        "[" + '"k":1 ' * 5000,
        "{" + '"a":' * 10_000,
        "}]" * 20_000,
        "['a" * 10_000,
        '{"a": ' + "9" * 50_000 + "x" + "9" * 50_000 + "}",
    ],
    ids=range(10),
)
def test_strange_texts_are_read_in_bounded_time(text: str) -> None:
    tree = Tree.parse(TextSnapshot.of(text))
    assert all(0 <= p.start <= p.end <= len(text) for p in tree.problems)


def test_a_large_document_is_refused_politely_and_read_again_when_it_shrinks() -> None:
    text = '{"a": "' + "ä" * 3_000_000 + '"}'
    snapshot = TextSnapshot.of(text)
    tree = Tree.parse(snapshot)
    assert [(p.code, int(p.severity)) for p in tree.problems] == [("document-too-large", 3)]
    assert (tree.value, dict(tree.tables)) == (None, {})
    edit = Edit(7, 2_900_007, "")
    small = tree.edited([edit], snapshot.edited(*edit))
    assert not small.problems
    assert isinstance(small.value, dict)
    back = small.edited([Edit(7, 7, "ä" * 2_900_000)], snapshot)
    assert [p.code for p in back.problems] == ["document-too-large"]


def test_the_end_of_a_table_found_by_looking_far_ahead_is_found_again_when_that_text_changes() -> None:
    steps = ", ".join(f'{{"step_id": "s{n}"}}' for n in range(9))
    text = f'{{"steps": [{{"a": 1}}, "b": [], "c": 2}}, {steps}], "events": [{{"x": 0}}, {{"x": 1}}]}}'
    for at in range(text.index('"events"'), len(text)):
        for new in ('"', "]", "}", "{"):
            snapshot = TextSnapshot.of(text)
            after = snapshot.edited(at, at, new)
            seen = Tree.parse(snapshot).edited([Edit(at, at, new)], after)
            fresh = Tree.parse(TextSnapshot.of(after.text))
            assert (seen.value, list(seen.problems)) == (fresh.value, list(fresh.problems))


@pytest.mark.timeout(60)
def test_replace_all_in_ten_thousand_steps_does_not_hang() -> None:
    text = plan(10_000)
    before = TextSnapshot.of(text)
    tree = Tree.parse(before)
    lines = [number for number, line in enumerate(before.lines) if '"step_id": "s' in line]
    changes: list[Change] = [(((n, 18), (n, 19)), "t") for n in reversed(lines)]
    after, edits = apply(before, changes, "utf-16")
    assert after.text == text.replace('"step_id": "s', '"step_id": "t')
    assert tree.edited(edits, after).value == json.loads(after.text)


@pytest.mark.timeout(60)
def test_thousands_of_tables_are_read_in_proportion_to_their_number() -> None:
    text = "{" + "".join(f'"k{number}": [1], ' for number in range(10_000)) + '"z": [1]}'
    tree = Tree.parse(TextSnapshot.of(text))
    after = tree.text.edited(8, 9, "2")
    assert tree.edited([Edit(8, 9, "2")], after).value == json.loads(after.text)


def test_two_slips_in_a_large_plan_are_told_without_reading_it_eight_times() -> None:
    steps = [f'    {{\n      "step_id": "s{number}"\n    }}' for number in range(40_000)]
    text = '{\n  "title": "T",\n  "steps": [\n' + ",\n".join(steps) + "\n  ]\n}"
    middle = text.index('"s20000"')
    broken = text[:middle].replace('  "title"', '{  "title"') + text[middle:].replace("    },\n", "", 1)
    tree = Tree.parse(TextSnapshot.of(broken))
    assert [problem.code for problem in tree.problems] == ["json-bracket-extra", "json-bracket-unclosed"]
    assert tree.tables["steps"].count == 40_000
