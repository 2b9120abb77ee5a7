"""One version of one document: its text, what it is, and what is derived from that when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree
from mplp_lsp.workspace.facts import facts_of_settings, facts_of_tree
from mplp_lsp.workspace.kinds import NO_RULES, FileRules, by_name, kind_of
from mplp_runtime.disk import Stamp
from mplp_runtime.kinds import LONGEST_MARKER, SETTINGS, TIMELINE, has_marker
from mplp_runtime.rules.world import DocumentFacts

if TYPE_CHECKING:
    from mplp_lsp.text.ndjson import Timeline
    from mplp_lsp.text.toml import TomlTree


@dataclass(frozen=True, slots=True)
class Setting:
    """What decides a document's kind besides its own text: the user's globs, the project, the neighbours."""

    rules: FileRules = NO_RULES
    root: Path | None = None
    has_ours_beside: Callable[[Path], bool] = lambda _: False


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Document:
    """Never changes; an edit makes a new one. `uri` is spelled as the client spelled it.

    `kind` is None for a document that is not ours; of such a document nobody asks anything but its text.
    `path` is None for documents without a file, `version` for those read from the disk.
    `cache` holds what is derived from this text; `lineage` is shared with the versions before and after, and
    may only hold values together with all they were made from (D24: history is a cache only).
    """

    uri: str
    path: Path | None
    version: int | None
    language_id: str
    kind: str | None
    text: TextSnapshot
    is_open: bool
    stamp: Stamp | None = None
    encoding: str = "utf-8"
    fault: tuple[int, str] | None = None
    cache: dict[str, object] = field(default_factory=dict, repr=False)
    lineage: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def tree(self) -> Tree | None:
        """The JSON tree; None for timelines, mplp.toml and all that is foreign."""
        return None if self.kind in {TIMELINE, SETTINGS, None} else self._parsed()

    def _parsed(self) -> Tree:
        tree = self.cache.get("tree")
        if not isinstance(tree, Tree):
            tree = self.cache["tree"] = Tree.parse(self.text)
        return tree

    def _has_marker(self) -> bool:
        known = self.cache.get("has_marker")
        if not isinstance(known, bool):
            known = self.cache["has_marker"] = has_marker(self.text.text)
        return known

    @property
    def timeline(self) -> Timeline | None:
        """The lines of an NDJSON timeline, None for other kinds."""
        if self.kind != TIMELINE:
            return None
        from mplp_lsp.text.ndjson import Timeline

        timeline = self.cache.get("timeline")
        if not isinstance(timeline, Timeline):
            timeline = self.cache["timeline"] = Timeline.parse(self.text)
        return timeline

    @property
    def toml(self) -> TomlTree | None:
        """The tree of mplp.toml, None for other kinds."""
        if self.kind != SETTINGS:
            return None
        from mplp_lsp.text.toml import TomlTree

        toml = self.cache.get("toml")
        if not isinstance(toml, TomlTree):
            toml = self.cache["toml"] = TomlTree.parse(self.text)
        return toml

    def rest(self) -> None:
        """Drops what can be made again from the text; a project may have thousands of closed documents."""
        for name in ("tree", "timeline", "toml", "analysis"):
            self.cache.pop(name, None)

    @property
    def is_broken(self) -> bool:
        """Whether the text is not what its format asks for, so that its values are guesses in part."""
        parsed = self.tree or self.timeline or self.toml
        return self.fault is not None or (
            parsed is not None and any(problem.is_error for problem in parsed.problems)
        )

    @property
    def facts(self) -> DocumentFacts | None:
        """What other documents may depend on; None for foreign documents and timelines.

        While no fact changes, this is the very object that the version before had.
        """
        if "facts" in self.cache:
            known = self.cache["facts"]
            return known if isinstance(known, DocumentFacts) else None
        facts: DocumentFacts | None = None
        if self.kind == SETTINGS:
            facts = facts_of_settings(self.uri, self.toml)
        elif self.kind is not None and self.tree is not None:
            facts = facts_of_tree(self.uri, self.kind, self.tree, self.lineage)
        self.cache["facts"] = facts
        return facts

    def edited(
        self, version: int | None, edits: Sequence[Edit], after: TextSnapshot, setting: Setting
    ) -> Document:
        """The next version. Trees that were made already are carried over, changed where the text changed."""
        cache: dict[str, object] = {}
        for name in ("tree", "timeline"):
            if name in self.cache:
                cache[name] = cast("Tree | Timeline", self.cache[name]).edited(edits, after)
        document = replace(self, version=version, text=after, cache=cache, fault=None)
        known = self.cache.get("has_marker")
        if known or (known is False and len(edits) == 1):
            # Kept once it was there: should it be gone, the content will not be ours either.
            cache["has_marker"] = known or has_marker(_around(edits[0], after))
        return document.judged(setting, self)

    def judged(self, setting: Setting, before: Document | None = None) -> Document:
        """With its kind decided anew; asks the content only where the name leaves it open."""
        path, root = self.path, setting.root
        header: object = None
        verdict = by_name(path, setting.rules, root) if path is not None else None
        if verdict is None or verdict.decides == "content":
            if (verdict is None or verdict.bare is None) and not self._has_marker():
                # A large foreign file is not even parsed.
                return self if self.kind is None else replace(self, kind=None, lineage={}, cache={})
            header = self._parsed().header
            earlier = before.cache.get("tree") if before is not None else None
            # An edit inside an element leaves the top of the document, and so its kind, as it was.
            if before is not None and isinstance(earlier, Tree) and earlier.header is header and header:
                return self if self.kind == before.kind else replace(self, kind=before.kind)
        elif verdict.kind == "event":
            header = self._parsed().header
        kind = kind_of(
            path,
            header,
            setting.rules,
            root=root,
            language_id=self.language_id,
            has_ours_beside=lambda: path is not None and setting.has_ours_beside(path.parent),
        )
        return self if kind == self.kind else replace(self, kind=kind, lineage={}, cache=_trees(self.cache))


def _around(edit: Edit, after: TextSnapshot) -> str:
    return after.slice(edit.start - LONGEST_MARKER, edit.start + len(edit.new_text) + LONGEST_MARKER)


def _trees(cache: dict[str, object]) -> dict[str, object]:
    return {name: kept for name, kept in cache.items() if isinstance(kept, Tree)}
