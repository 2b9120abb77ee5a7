"""The documents of a project folder as rules see them, for programs that have no editor around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mplp_runtime.disk import MAX_DOCUMENT_BYTES, decoded, read_head, read_regular
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import (
    FOREIGN,
    HEAD_BYTES,
    MODULES,
    SETTINGS,
    TIMELINE,
    ByName,
    by_path,
    decided,
    may_be_ours,
)
from mplp_runtime.project_roots import of_one_project
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.settings import Settings

Baselines = Callable[[str, str], Baseline | None]


@dataclass(frozen=True, slots=True)
class ProjectDocuments:
    """Implements `rules.world.World` over the files of one folder, as they were when it was made."""

    facts: tuple[DocumentFacts, ...]
    baselines: Baselines
    project_settings: Settings | None = None
    _declared: Mapping[tuple[str, str], tuple[DocumentFacts, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        declared: dict[tuple[str, str], tuple[DocumentFacts, ...]] = {}
        for each in self.facts:
            if each.id is not None:
                declared[each.kind, each.id] = (*declared.get((each.kind, each.id), ()), each)
        object.__setattr__(self, "_declared", declared)

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:  # noqa: A002 (as in World)
        """Documents of `kind` whose own id is `id`, by URI."""
        return self._declared.get((kind, id), ())

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        """All documents, or those of one kind, by URI."""
        return self.facts if kind is None else [each for each in self.facts if each.kind == kind]

    def settings(self) -> Settings | None:
        """The project's mplp.toml; None where there is none or it is faulty."""
        return self.project_settings

    def baseline(self, kind: str, id: str) -> Baseline | None:  # noqa: A002 (as in World)
        """What the graph knows of the last save."""
        return self.baselines(kind, id)


def read_documents(
    root: Path, files: Iterable[str], baselines: Baselines, settings: Settings | None
) -> ProjectDocuments:
    """Reads what of `files` (relative, with `/`) is ours; what cannot be read as JSON declares nothing.

    A project inside this one is by itself, as in the editor.
    """
    paths = [root / relative for relative in of_one_project(root, files)]
    found = {path: facts for path in paths if (facts := _facts(path)) is not None}
    ours = {path.parent for path, facts in found.items() if facts.kind in MODULES and facts.id is not None}
    # An empty `plan.json` is ours where it lies beside documents of ours, which are only known now.
    for path in paths:
        if path.parent in ours and path not in found and by_path(path).bare is not None:
            facts = _facts(path, lambda: True)
            if facts is not None:
                found[path] = facts
    return ProjectDocuments(tuple(sorted(found.values(), key=lambda each: each.uri)), baselines, settings)


def read_text(path: Path) -> str:
    """The text of a document. Raises MplpError that says why there is none to read."""
    try:
        return read_regular(path)
    except FileNotFoundError as error:
        raise MplpError(f"{path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise MplpError(f"{path} is not UTF-8 text (byte {error.start}).") from error
    except (OSError, ValueError) as error:
        raise MplpError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def document_at(path: Path, has_ours_beside: Callable[[], bool] = lambda: False) -> tuple[str, Any] | None:
    """Kind and value of the document in a file; None where it is none of ours, or cannot be read as JSON.

    `has_ours_beside` is asked only for an empty `<kind>.json`.
    """
    verdict = by_path(path)
    if verdict.kind in {SETTINGS, TIMELINE} or verdict == FOREIGN:
        return None
    value = _value(path, verdict)
    kind = None if value is None else decided(verdict, value, has_ours_beside)
    return None if kind is None else (kind, value)


def _facts(path: Path, has_ours_beside: Callable[[], bool] = lambda: False) -> DocumentFacts | None:
    if by_path(path).kind == SETTINGS:
        return DocumentFacts(path.as_uri(), SETTINGS)
    found = document_at(path, has_ours_beside)
    return None if found is None else document_facts(path.as_uri(), *found, {})


def _value(path: Path, verdict: ByName) -> Any:
    """None where there is none, or where the first bytes tell already that it is nobody's."""
    if verdict.decides == "content" and verdict.bare is None:
        head = read_head(path, HEAD_BYTES, follow_links=False)
        if head is None or not may_be_ours(head[0]):
            return None
    return json_value(path)


def json_value(path: Path) -> Any:
    """The JSON value in a document's file, {} for an empty one; None where nothing can be read there."""
    found = read_head(path, MAX_DOCUMENT_BYTES + 1, follow_links=False)
    if found is None or len(found[0]) > MAX_DOCUMENT_BYTES:
        return None
    try:
        text = decoded(found[0]).text.removeprefix("\ufeff")
        return json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError):
        return None
