"""Which known id a mistyped id was meant to be, fast enough for ten thousand ids and many mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from mplp_runtime.rules.explain import UUID_LENGTH, is_id

MOST_SLIPS = 2
MOST_COMPARISONS = 20_000
MOST_MALFORMED = 100

_THIRD = UUID_LENGTH // 3
_STARTS = (0, _THIRD, 2 * _THIRD)
_RECORD = UUID_LENGTH + 1
_FEW_QUESTIONS = 32


class NearIds:
    """Finds ids that differ from a given one in one or two characters. Never changes; answers follow from the
    ids alone, in whatever order they came.

    Two such ids agree in at least one third of their text, so only ids with an equal third are compared.
    Where there are too many of these nothing is found: ids that all resemble each other tell nothing.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        known = list(ids)
        well_formed = list(filter(is_id, known))
        self._text = "".join(f"{each}\n" for each in well_formed)
        self._malformed: tuple[str, ...] = ()
        if len(well_formed) < len(known):
            self._malformed = tuple(sorted(each for each in known if not is_id(each)))
        self._questions = 0

    def exchanged(self, gone: Iterable[str], come: Iterable[str]) -> NearIds:
        """The same ids without some and with others; costs little however many there are."""
        other = NearIds(come)
        text, malformed = self._text, list(self._malformed)
        for each in gone:
            if is_id(each):
                text = text.replace(f"{each}\n", "", 1)
            elif each in malformed:
                malformed.remove(each)
        other._text = text + other._text
        other._malformed = tuple(sorted([*malformed, *other._malformed]))
        return other

    def meant(self, text: str, most_comparisons: int = MOST_COMPARISONS) -> str | None:
        """The one well-formed id nearest to `text`, at most two characters away; None where two are."""
        self._questions += 1
        look_up = self._found_by_text if self._questions <= _FEW_QUESTIONS else self._found_by_third
        best: list[str] = []
        least = MOST_SLIPS
        comparisons = 0
        for start in _STARTS:
            for known in look_up(start, text[start : start + _THIRD]):
                comparisons += 1
                if comparisons > most_comparisons:
                    return None
                slips = sum(map(str.__ne__, known, text))
                if slips < least:
                    best, least = [known], slips
                elif slips == least and known not in best:
                    best.append(known)
        return best[0] if len(best) == 1 else None

    def _found_by_text(self, start: int, third: str) -> Iterator[str]:
        """For a few questions: the ids are searched as one text, which needs no preparation."""
        if len(third) < _THIRD:
            return
        text = self._text
        place = text.find(third)
        while place >= 0:
            record, inner = divmod(place, _RECORD)
            if inner == start:
                yield text[record * _RECORD : record * _RECORD + UUID_LENGTH]
            place = text.find(third, place + 1)

    def _found_by_third(self, start: int, third: str) -> Iterable[str]:
        """For many questions."""
        return self._by_third.get((start, third), ())

    @cached_property
    def _by_third(self) -> dict[tuple[int, str], list[str]]:
        found: dict[tuple[int, str], list[str]] = {}
        for known in self._text.splitlines():
            for start in _STARTS:
                found.setdefault((start, known[start : start + _THIRD]), []).append(known)
        return found

    def is_meant_by_malformed(self, text: str) -> bool:
        """Whether a known but malformed id was meant to be `text`: then the fault lies there."""
        return any(_is_damaged(known, text) for known in self._malformed[:MOST_MALFORMED])


def _is_damaged(malformed: str, text: str) -> bool:
    """Whether `malformed` is `text` in other case, or with a few characters lost, added or changed."""
    lower = malformed.strip().lower()
    if lower == text:
        return True
    if abs(len(lower) - len(text)) > MOST_SLIPS:
        return False
    front = 0
    while front < min(len(lower), len(text)) and lower[front] == text[front]:
        front += 1
    back = 0
    while back < min(len(lower), len(text)) - front and lower[-1 - back] == text[-1 - back]:
        back += 1
    return len(text) - front - back <= MOST_SLIPS and len(lower) - front - back <= MOST_SLIPS
