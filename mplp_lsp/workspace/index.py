"""All documents of one project as rules see them: who declares which id, and who refers to whom."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from heapq import merge
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

from mplp_lsp.text.uris import key_of
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.world import Baseline, DocumentFacts

if TYPE_CHECKING:
    from mplp_runtime.settings import Settings

Key = TypeVar("Key")
Baselines = Callable[[str, str], Baseline | None]

_EMPTY: Mapping[str, frozenset[str]] = MappingProxyType({})


def no_baselines(_kind: str, _id: str) -> Baseline | None:
    """For projects whose graph has seen nothing yet."""
    return None


@dataclass(frozen=True, slots=True)
class Index:
    """Implements `World` over the facts of one project. Never changes; an update makes a new one.

    An update copies three dictionaries of pointers and nothing else: with a thousand documents that is some
    tens of microseconds, and edits that change no fact need no update at all.
    """

    baselines: Baselines = no_baselines
    settings_text: str | None = None
    is_partial: bool = False
    """Whether only the documents that are ours by name are here: what is missing may still be found."""
    _facts: Mapping[str, DocumentFacts] = field(default_factory=dict)
    _declared: Mapping[tuple[str, str], tuple[DocumentFacts, ...]] = field(default_factory=dict)
    _by_kind: Mapping[str, tuple[DocumentFacts, ...]] = field(default_factory=dict)
    _referring: Mapping[str, frozenset[str]] = field(default_factory=lambda: _EMPTY)

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:  # noqa: A002 (as in World)
        """Documents of `kind` whose own id is `id`, by URI; more than one means a duplicate id."""
        return self._declared.get((kind, id), ())

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        """All documents, or those of one kind, by URI."""
        if kind is not None:
            return self._by_kind.get(kind, ())
        return merge(*self._by_kind.values(), key=lambda facts: facts.uri)

    def settings(self) -> Settings | None:
        """The project's mplp.toml; None where there is none or it cannot be read (its findings say why)."""
        return None if self.settings_text is None else _settings_of(self.settings_text)

    def baseline(self, kind: str, id: str) -> Baseline | None:  # noqa: A002 (as in World)
        """Statuses at the last save the graph knows (D22)."""
        return self.baselines(kind, id)

    def unordered(self) -> Iterable[DocumentFacts]:
        """All documents, in no order that means anything."""
        return self._facts.values()

    def facts(self, uri: str) -> DocumentFacts | None:
        """The facts of one document, whatever way its URI is spelled."""
        return self._facts.get(key_of(uri))

    def referring(self, target_id: str) -> tuple[DocumentFacts, ...]:
        """Documents that hold a reference to `target_id`, by URI."""
        found = [self._facts[key] for key in self._referring.get(target_id, ())]
        return tuple(sorted(found, key=lambda facts: facts.uri))

    def dependants(self, uri: str) -> tuple[str, ...]:
        """URIs of other documents that refer to the id this one declares, by URI."""
        facts = self.facts(uri)
        if facts is None or facts.id is None:
            return ()
        return tuple(other.uri for other in self.referring(facts.id) if other.uri != facts.uri)

    def updated(self, changes: Iterable[tuple[str, DocumentFacts | None]]) -> Index:
        """With facts of some documents replaced, added, or (None) taken out; itself if nothing changed."""
        keyed = [(key_of(facts.uri if facts is not None else uri), facts) for uri, facts in changes]
        different = [(key, facts) for key, facts in keyed if self._facts.get(key) is not facts]
        if not different:
            return self
        editor = _Editor(dict(self._facts), dict(self._declared), dict(self._by_kind), dict(self._referring))
        for key, facts in different:
            editor.put(key, facts)
        return replace(
            self,
            _facts=editor.facts,
            _declared=editor.declared,
            _by_kind=editor.by_kind,
            _referring=editor.referring,
        )

    def with_settings(self, text: str | None) -> Index:
        return self if text == self.settings_text else replace(self, settings_text=text)

    def with_all(self, *, is_partial: bool) -> Index:
        """The same documents, which are all there are, or (`is_partial`) may not be."""
        return self if is_partial == self.is_partial else replace(self, is_partial=is_partial)

    def with_baselines(self, baselines: Baselines) -> Index:
        return replace(self, baselines=baselines)


@lru_cache(maxsize=32)
def _settings_of(text: str) -> Settings | None:
    from mplp_runtime.settings import load_settings

    try:
        return load_settings(text)
    except MplpError:
        return None


@dataclass(slots=True)
class _Editor:
    """The dictionaries of an index while it is being made; nobody else holds them."""

    facts: dict[str, DocumentFacts]
    declared: dict[tuple[str, str], tuple[DocumentFacts, ...]]
    by_kind: dict[str, tuple[DocumentFacts, ...]]
    referring: dict[str, frozenset[str]]

    def put(self, key: str, facts: DocumentFacts | None) -> None:
        before = self.facts.pop(key, None)
        if before is not None:
            _take(self.by_kind, before.kind, before)
            if before.id is not None:
                _take(self.declared, (before.kind, before.id), before)
        if facts is not None:
            self.facts[key] = facts
            _give(self.by_kind, facts.kind, facts)
            if facts.id is not None:
                _give(self.declared, (facts.kind, facts.id), facts)
        self._point(key, _targets(before), _targets(facts))

    def _point(self, key: str, old: frozenset[str], new: frozenset[str]) -> None:
        for target in old - new:
            left = self.referring[target] - {key}
            if left:
                self.referring[target] = left
            else:
                del self.referring[target]
        for target in new - old:
            self.referring[target] = self.referring.get(target, frozenset()) | {key}


def _targets(facts: DocumentFacts | None) -> frozenset[str]:
    return frozenset() if facts is None else frozenset(reference.id for reference in facts.references)


def _take(table: dict[Key, tuple[DocumentFacts, ...]], key: Key, facts: DocumentFacts) -> None:
    left = tuple(other for other in table[key] if other is not facts)
    if left:
        table[key] = left
    else:
        del table[key]


def _give(table: dict[Key, tuple[DocumentFacts, ...]], key: Key, facts: DocumentFacts) -> None:
    present = table.get(key, ())
    place = bisect_left(present, facts.uri, key=lambda other: other.uri)
    table[key] = (*present[:place], facts, *present[place:])
