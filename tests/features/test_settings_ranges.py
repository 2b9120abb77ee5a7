"""Places in mplp.toml, counted as each client counts, behind characters of more than one code unit."""

from __future__ import annotations

from typing import get_args

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.snapshot import Encoding
from tests.project import project, uri

ENCODINGS: tuple[Encoding, ...] = get_args(Encoding)
# "𝄞" is 4 bytes, 2 UTF-16 units, 1 code point; "é" 2 bytes, 1 and 1.
SIZES = {"utf-8": (4, 2), "utf-16": (2, 1), "utf-32": (1, 1)}


def shown(text: str, encoding: Encoding) -> list[tuple[str, tuple[int, int], tuple[int, int]]]:
    """Code, start and end of each finding but what is said about roles that nobody uses."""
    seen = project(f"-- mplp.toml --\n{text}", encoding=encoding)
    return [
        (
            str(one.code),
            (one.range.start.line, one.range.start.character),
            (one.range.end.line, one.range.end.character),
        )
        for one in diagnostics(seen.snapshot, uri("mplp.toml"))
        if one.code != "settings-role-unused"
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_value_behind_wide_characters_of_its_line_is_marked_exactly(encoding: Encoding) -> None:
    text = 'roles."𝄞é" = { action = "tool_call", command = ["𝄞"], retries = -1 }\n'
    clef, accent = SIZES[encoding]
    start = text.index("-1") - 3 + 2 * clef + accent
    ((_, first, last),) = shown(text, encoding)
    assert (first, last) == ((0, start), (0, start + 2))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_key_in_a_table_with_a_wide_name_is_marked_exactly(encoding: Encoding) -> None:
    text = '# 𝄞𝄞\n[roles."𝄞"]\naction = "tool_call"\ncommand = ["é𝄞"]\n"é𝄞" = 1 # 𝄞\n'
    clef, accent = SIZES[encoding]
    ((code, first, last),) = shown(text, encoding)
    assert (code, first, last) == ("settings-key-unknown", (4, 0), (4, 2 + clef + accent))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_slip_behind_wide_characters_is_marked_exactly(encoding: Encoding) -> None:
    text = '[roles."𝄞"]\naction = "tool_call"\ncommand = ["𝄞é" "x"]\nretries = 1\n'
    clef, accent = SIZES[encoding]
    ((code, first, last),) = shown(text, encoding)
    start = len("command = [")
    assert (code, first, last) == ("toml-syntax", (2, start), (2, start + 2 + clef + accent))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_what_stands_behind_a_slip_keeps_its_place(encoding: Encoding) -> None:
    text = '[roles."𝄞"]\naction = "tool_call\ncommand = ["𝄞"]\n\n[run]\non_failure = "𝄞" # é\n'
    clef, _ = SIZES[encoding]
    (slip, value) = shown(text, encoding)
    assert slip[0] == "toml-syntax"
    assert slip[1][0] == 1
    assert value == ("settings-value-unknown", (5, 13), (5, 15 + clef))
