"""The one slip that explains a broken element of a table; see `json_slips`."""

from __future__ import annotations

from typing import NamedTuple

from mplp_lsp.text.elements import Element, LooseElement
from mplp_lsp.text.json_gaps import CONFLICT, CONFLICT_REST
from mplp_lsp.text.json_judge import Gap, Outer
from mplp_lsp.text.json_keys import is_cut_off
from mplp_lsp.text.json_lexer import Lexer
from mplp_lsp.text.json_reader import Reader
from mplp_lsp.text.json_slips import (
    AHEAD,
    BEHIND,
    Slip,
    char_at,
    doubts,
    has_duplicates,
    past_blanks,
    problem_of,
    scanned,
    slips,
    window_start,
)
from mplp_lsp.text.places import Placing, Spot

# A file with this many of them in one element is no JSON with a slip, but another language.
_FOREIGN_LIMIT = 2
_CONFLICTS = frozenset({CONFLICT, CONFLICT_REST})
_FOREIGN = frozenset({"Keys stand in double quotes.", "Strings stand in double quotes."})


# What is missing at the end of an element that is being typed.
_STILL_COMING = ("value", ":")


class MendedElement(NamedTuple):
    """An element as it was meant: its text, where in it the value starts, and the slip in it.

    `landing` is the comma or closing bracket that follows it, in the text as it was meant.
    """

    text: str
    first: int
    slip: Slip
    landing: int

    @property
    def opener(self) -> str:
        """The first character of the value."""
        return self.text[self.first]

    def element(
        self,
        lexer: Lexer,
        outer: Outer,
        places: tuple[int, int],
        gaps: tuple[Gap, Gap],
        placing: Placing | None,
    ) -> Element:
        """The element, with the one problem that its slip is.

        `places` are where its text starts and where the slip's text starts; `gaps` what stood there before
        and behind what was passed over.
        """
        start, at = places
        text, first, slip, landing = self
        if placing is not None:
            placing.spots.clear()
        inner = Lexer(text, starts_line=False)
        spot = Spot(()) if placing is not None else None
        reading = Reader(inner, outer, careful=True, placing=placing).read(first, spot)
        if placing is not None:
            placing.remap(lambda offset: slip.back(offset) + at)
        lexer.problems = []
        if gaps[1] is Gap.MISSING:
            comma_missing(lexer, at)
        problems = [problem.moved(-at) for problem in lexer.problems]
        problems.append(problem_of(slip, slip.undone(text, lexer.text[at + slip.start : at + slip.end])))
        problems.extend(slip.in_text(problem) for problem in inner.problems)
        if text[landing] == ",":
            stop, leave = at + slip.back(landing + 1), Gap.COMMA
        else:
            behind = slip.start_back(landing)
            stop, leave = at + len(lexer.text[at : at + behind].rstrip(" \t\r\n")), Gap.MISSING
        extent = (at - start, min(slip.back(reading.stop), stop - at), stop - start)
        found = tuple(sorted(problems, key=lambda problem: (problem.start, problem.end)))
        return LooseElement(reading.value, extent, found, (gaps[0], leave), max(lexer.reach, stop) - start)


def comma_missing(lexer: Lexer, at: int) -> None:
    """Report that no comma stands before the value at `at`."""
    message = "Comma expected before this value."
    lexer.add("json-comma-missing", message, at, lexer.token_end(at), expected=",")


def is_doubtful(reader: Reader, at: int, stop: int, leave: Gap, *, is_empty: bool) -> bool:
    """Whether one slip may explain more: several problems, or something behind that does not follow.

    The element starts at `at`, its text ends at `stop` in the state `leave`; `is_empty`: as `{` and `[` that
    have only been typed are.
    """
    lexer = reader.lexer
    errors = sum(problem.is_error for problem in lexer.problems)
    if any(problem.code == "json-comment" or problem.message in _CONFLICTS for problem in lexer.problems):
        return False
    if sum(problem.message in _FOREIGN for problem in lexer.problems) >= _FOREIGN_LIMIT:
        return False
    if errors > 1 or reader.forced > 1 or any(is_cut_off(lexer.text, problem) for problem in lexer.problems):
        return True
    behind = lexer.skip(stop, report=False)
    char = lexer.char(behind)
    if char == ",":
        leave = Gap.COMMA
        behind = lexer.skip(behind + 1, report=False)
        char = lexer.char(behind)
    if not char:
        return errors > 0
    if char == "]":
        return not ends_well(lexer, behind)
    if leave is not Gap.COMMA:
        is_half = is_empty or any(problem.data.get("expected") in _STILL_COMING for problem in lexer.problems)
        return (errors > 0 and not is_half) or char != lexer.text[at]
    if char == "{":
        return errors > 0 and lexer.char(lexer.skip(behind + 1, report=False)) not in ('"', "}")
    return char in "}:," or (errors > 0 and lexer.is_key(behind))


def ends_well(lexer: Lexer, bracket: int) -> bool:
    """Whether what follows a closing bracket follows a member of the root."""
    at = lexer.skip(bracket + 1, report=False)
    if lexer.char(at) == ",":
        return lexer.is_key(lexer.skip(at + 1, report=False))
    return lexer.char(at) == "}" and not lexer.char(lexer.skip(at + 1, report=False))


def mended_element(lexer: Lexer, start: int, *, is_certain: bool = False) -> MendedElement | None:
    """The element at `start` with its single slip undone; None where no single slip explains it.

    `is_certain`: only one that nothing speaks against.
    """
    text = lexer.text
    _, stop, fault = scanned(text, start)
    if stop >= 0:
        fault = _token_behind(text, stop)
    lexer.note(fault + AHEAD + 1)
    if fault - start > BEHIND:
        return None
    region = text[start : fault + AHEAD]
    fault -= start
    best: tuple[tuple[int, int], MendedElement] | None = None
    for number, slip in enumerate(slips(region, window_start(region, fault), fault)):
        if slip.end == 0 and region[:1] in ("{", "["):
            # A list around an element is no slip.
            continue
        meant = slip.mend(region)
        first = past_blanks(meant, 0)
        _, stop, _ = scanned(meant, first)
        landing = _landing(meant, stop, meant[first]) if stop >= 0 else -1
        if landing < 0 or not _is_before(slip, meant, landing):
            continue
        rank = (doubts(slip, meant) + 2 * has_duplicates(meant, first), number)
        if best is None or rank < best[0]:
            best = rank, MendedElement(meant, first, slip, landing)
    return best[1] if best and not (is_certain and best[0][0]) else None


def _token_behind(text: str, stop: int) -> int:
    at = past_blanks(text, stop)
    return past_blanks(text, at + 1) if char_at(text, at) == "," else at


def _landing(text: str, stop: int, opener: str) -> int:
    """Where the comma or bracket behind an element stands, if what follows it follows an element; else -1.

    The element starts with `opener` and ends at `stop`.
    """
    at = past_blanks(text, stop)
    behind = past_blanks(text, at + 1)
    if char_at(text, at) == ",":
        return at if _is_like(text, behind, opener) else -1
    if char_at(text, at) != "]":
        return -1
    if char_at(text, behind) == "}":
        return at if past_blanks(text, behind + 1) == len(text) else -1
    if char_at(text, behind) != ",":
        return -1
    end = _string_end(text, past_blanks(text, behind + 1))
    return at if end >= 0 and char_at(text, end) == ":" else -1


def _is_like(text: str, at: int, opener: str) -> bool:
    """Whether another element of the same kind may start here."""
    char = char_at(text, at)
    if opener in "{[" and char != opener:
        return False
    if char == "{":
        return char_at(text, past_blanks(text, at + 1)) in ('"', "}")
    if char == '"':
        end = _string_end(text, at)
        return end >= 0 and char_at(text, end) in (",", "]")
    return char not in ("", "}", "]", ",", ":")


def _string_end(text: str, at: int) -> int:
    """The next sign behind the string that starts here; -1 where none starts."""
    if char_at(text, at) != '"':
        return -1
    _, stop, _ = scanned(text, at)
    return past_blanks(text, stop) if stop >= 0 else -1


def _is_before(slip: Slip, meant: str, landing: int) -> bool:
    """Whether the slip belongs to the element or to the comma behind it, and not to the end of the table."""
    return slip.start < landing or (slip.start == landing and (meant[landing] == "," or not slip.new_text))
