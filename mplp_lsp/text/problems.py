"""What a parser has to say about a text: codes, places, sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from mplp_runtime.rules.findings import Severity

_NO_DATA: Mapping[str, object] = MappingProxyType({})


class Problem(NamedTuple):
    """One fault of the text. `start` and `end` are offsets; what they count from is said where it is kept."""

    code: str
    message: str
    start: int
    end: int
    data: Mapping[str, object] = _NO_DATA
    severity: Severity = Severity.ERROR

    def moved(self, distance: int) -> Problem:
        """The same problem, `distance` code points further on.

        Data keys that end in `_start` and `_end` are offsets and move along.
        """
        if not distance:
            return self
        data = self.data
        if data:
            data = {
                key: value + distance
                if isinstance(value, int) and key.endswith(("_start", "_end"))
                else value
                for key, value in data.items()
            }
        return self._replace(start=self.start + distance, end=self.end + distance, data=data)

    @property
    def is_error(self) -> bool:
        """Whether it makes the text something other than JSON."""
        return self.severity == Severity.ERROR
