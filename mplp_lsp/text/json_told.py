"""What a reader found, told once: both halves of a merge conflict, and text as another language has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import groupby

from mplp_lsp.text.json_gaps import CONFLICT, CONFLICT_REST, repair_data
from mplp_lsp.text.json_lexer import LITERALS_ELSEWHERE
from mplp_lsp.text.problems import Problem
from mplp_lsp.text.snapshot import TextSnapshot

# From so many on they are no slips, but the way in which somebody writes.
_FEWEST = 3
_LONGEST_REPAIR = 100_000
_FOREIGN = frozenset({"Keys stand in double quotes.", "Strings stand in double quotes."})
PYTHON = "This is written as Python has it; in JSON keys and texts stand in double quotes."
JAVASCRIPT = "This is written as JavaScript has it; in JSON keys and texts stand in double quotes."


def told_once(problems: list[Problem], text: TextSnapshot) -> list[Problem]:
    """The problems of a text, in order, without those that say of one fault what another says already."""
    if len(problems) < 2:
        return problems
    kept = _conflicts_once(problems)
    if sum(problem.message in _FOREIGN for problem in kept) < _FEWEST:
        return kept
    found: list[Problem] = []
    for is_foreign, group in groupby(kept, key=lambda problem: _meant(problem, text) is not None):
        run = list(group)
        found += _as_one(run, text) if is_foreign and len(run) >= _FEWEST else run
    return found


def _conflicts_once(problems: list[Problem]) -> list[Problem]:
    """Without the second half of each merge conflict that starts where a problem says so."""
    kept: list[Problem] = []
    is_open = False
    for problem in problems:
        if problem.message == CONFLICT:
            is_open = True
        elif problem.message == CONFLICT_REST:
            is_rest, is_open = is_open, False
            if is_rest:
                continue
        kept.append(problem)
    return kept


def _meant(problem: Problem, text: TextSnapshot) -> str | None:
    """What JSON has for a key, a text or a word of another language; None for any other problem."""
    if problem.message in _FOREIGN:
        word = text.slice(problem.start, problem.end)
        return json.dumps(_unquoted(word), ensure_ascii=False)
    if problem.code == "json-literal-invalid":
        return LITERALS_ELSEWHERE.get(text.slice(problem.start, problem.end))
    return None


def _unquoted(word: str) -> str:
    return word[1:-1].replace("\\'", "'") if len(word) > 1 and word[0] == word[-1] == "'" else word


def _as_one(run: Sequence[Problem], text: TextSnapshot) -> list[Problem]:
    """One problem for a stretch in the style of another language, with the repair of all of it."""
    start, end = run[0].start, run[-1].end
    if end - start > _LONGEST_REPAIR:
        return list(run)
    parts: list[str] = []
    at = start
    for problem in run:
        parts += (text.slice(at, problem.start), _meant(problem, text) or "")
        at = problem.end
    is_python = any(text.slice(problem.start, problem.start + 1) == "'" for problem in run)
    message = PYTHON if is_python else JAVASCRIPT
    data = {"expected": '"', **repair_data(start, end, "".join(parts))}
    return [Problem("json-syntax", message, start, run[0].end, data)]
