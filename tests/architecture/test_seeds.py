"""docs/seeds.md has a row for every section of both seed documents, and its files and tests are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]

SECTIONS = {
    "S1": "1 2 3 3.1 3.2 3.3 3.4 4 4.1 4.2 4.3 5 5.1 5.2 5.3 6 6.1 6.2 6.3 7 7.1 7.2 8 8.1 8.2 9 9.1 9.2 10",
    "S2": "1 2 2.1 2.2 2.3 3 3.1 4 4.1 4.2 4.3 4.4 5 6 6.1 6.2 6.3 7 7.1 7.2 8 8.1 8.2 8.3 9 10 10.1 10.2 11",
}
"""The numbers of all headings; those without a number (scope, goals) are in the first row."""

NOTHING_TO_BUILD = frozenset({"10 Related documents"})


class Row(NamedTuple):
    seed: str
    section: str
    what: str
    where: str
    shown_by: str


def rows() -> list[Row]:
    found, seed = [], ""
    for line in (ROOT / "docs" / "seeds.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            seed = line[3:5]
        if line.startswith("| ") and not line.startswith("| Section"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            assert len(cells) == 4, line
            found.append(Row(seed, *cells))
    return found


@pytest.mark.parametrize("seed", SECTIONS)
def test_every_section_has_a_row(seed: str) -> None:
    told = [
        number
        for row in rows()
        if row.seed == seed
        for number in re.findall(r"(?:^|, )(\d+(?:\.\d+)?) ", f"{row.section} ")
    ]
    assert list(dict.fromkeys(told)) == SECTIONS[seed].split()


def test_every_row_says_what_where_and_which_test_shows_it() -> None:
    for row in rows():
        assert row.what, row.section
        if row.section not in NOTHING_TO_BUILD:
            assert re.search(r"`[^`]+`", row.where), f"{row.section} names no place"
            assert re.search(r"`tests/[^`]+`", row.shown_by), f"{row.section} names no test"


def test_the_files_and_tests_that_rows_name_are_there() -> None:
    for row in rows():
        for place in re.findall(r"`([^`]+)`", f"{row.where} {row.shown_by}"):
            path, _, test = place.partition("::")
            assert (ROOT / path).exists(), f"{row.section} names {path}"
            if test:
                text = (ROOT / path).read_text(encoding="utf-8")
                assert re.search(rf"^(?:async )?def {test}\(", text, re.MULTILINE), f"{row.section}: {place}"
