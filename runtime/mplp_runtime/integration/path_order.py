"""Which of the events that wait about one file came first, whatever their sources."""

from __future__ import annotations

from mplp_runtime.events.families import Event
from mplp_runtime.integration.coalescing import PathOf, Subject, paths_of


class PathOrder:
    """The numbers of waiting file events by path, rising. Events that are about no file are in no order.

    A rename is about two paths. Numbers that are added are higher than all others, or with `add_first` lower.
    """

    def __init__(self, path_of: PathOf = str) -> None:
        self._path_of = path_of
        self._numbers: dict[Subject, list[int]] = {}
        self._renames: dict[Subject, list[int]] = {}

    def add(self, envelope: Event, number: int) -> None:
        for path, numbers in self._lists(envelope):
            numbers.setdefault(path, []).append(number)

    def add_first(self, envelope: Event, number: int) -> None:
        for path, numbers in self._lists(envelope):
            numbers.setdefault(path, []).insert(0, number)

    def remove(self, envelope: Event, number: int) -> None:
        for path, numbers in self._lists(envelope):
            known = numbers[path]
            known.remove(number)
            if not known:
                del numbers[path]

    def is_oldest(self, envelope: Event, number: int) -> bool:
        """Whether nothing older about a file of this event waits."""
        return all(self._numbers[path][0] == number for path in paths_of(envelope, self._path_of))

    def is_newest(self, subject: Subject, number: int) -> bool:
        """Whether nothing newer about this waits; true for what is no file."""
        return subject not in self._numbers or self._numbers[subject][-1] == number

    def is_renamed_after(self, subject: Subject, number: int) -> bool:
        """Whether a rename from or to this path waits that is newer."""
        return subject in self._renames and self._renames[subject][-1] > number

    def _lists(self, envelope: Event) -> list[tuple[Subject, dict[Subject, list[int]]]]:
        # A file that is renamed to itself counts once.
        paths = dict.fromkeys(paths_of(envelope, self._path_of))
        found = [(path, self._numbers) for path in paths]
        if envelope["payload"].get("change_type") == "renamed":
            found += [(path, self._renames) for path in paths]
        return found
