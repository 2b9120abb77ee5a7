"""Which known id a mistyped id was meant to be, fast enough for ten thousand ids and many mistakes."""

from __future__ import annotations

from collections.abc import Iterable

from mplp_runtime.rules.explain import UUID_LENGTH, is_id

MOST_SLIPS = 2
MOST_COMPARISONS = 20_000
MOST_MALFORMED = 100

_THIRD = UUID_LENGTH // 3


class NearIds:
    """Finds ids that differ from a given one in one or two characters.

    Two such ids agree in at least one third of their text, so only ids with an equal third are compared.
    After `MOST_COMPARISONS` nothing is found any more: ids that all resemble each other tell nothing.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._by_third: dict[tuple[int, str], list[str]] = {}
        self._malformed: list[str] = []
        self._comparisons = 0
        for known in ids:
            if is_id(known):
                for start in range(0, UUID_LENGTH, _THIRD):
                    self._by_third.setdefault((start, known[start : start + _THIRD]), []).append(known)
            elif len(self._malformed) < MOST_MALFORMED:
                self._malformed.append(known)

    def meant(self, text: str) -> str | None:
        """The one well-formed id nearest to `text`, at most two characters away; None where two are."""
        best: list[str] = []
        least = MOST_SLIPS
        for start in range(0, UUID_LENGTH, _THIRD):
            for known in self._by_third.get((start, text[start : start + _THIRD]), ()):
                self._comparisons += 1
                if self._comparisons > MOST_COMPARISONS:
                    return None
                slips = sum(map(str.__ne__, known, text))
                if slips < least:
                    best, least = [known], slips
                elif slips == least and known not in best:
                    best.append(known)
        return best[0] if len(best) == 1 else None

    def is_meant_by_malformed(self, text: str) -> bool:
        """Whether a known but malformed id was meant to be `text`: then the fault lies there."""
        return any(_is_damaged(known, text) for known in self._malformed)


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
