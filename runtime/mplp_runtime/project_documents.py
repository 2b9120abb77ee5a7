"""The documents of a project folder as rules see them, for programs that have no editor around them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import mplp_schemas
from mplp_runtime.errors import MplpError
from mplp_runtime.rules.facts import OWN_ID, document_facts
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.settings import Settings

MOST_BYTES = 5 * 1024 * 1024
"""Of one document; the editor reads no larger ones either."""

_HEAD_BYTES = 64 * 1024
_MARKS = (b'_id"', b"\\u00")
"""One of them stands in each of our documents; a foreign `.json` is given up after its first 64 KiB."""

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
    """Reads what of `files` (relative, with `/`) is ours; what cannot be read as JSON declares nothing."""
    found: list[DocumentFacts] = []
    for relative in files:
        if relative.endswith(".json"):
            path = root / relative
            kind = kind_by_name(path.name)
            value = _value(path, is_ours=kind is not None)
            kind = kind or kind_by_content(value)
            if kind is not None and value is not None:
                found.append(document_facts(path.as_uri(), kind, value, {}))
    return ProjectDocuments(tuple(sorted(found, key=lambda each: each.uri)), baselines, settings)


def read_text(path: Path) -> str:
    """The text of a document. Raises MplpError that says why there is none to read."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise MplpError(f"{path} does not exist.") from error
    except UnicodeDecodeError as error:
        raise MplpError(f"{path} is not UTF-8 text (byte {error.start}).") from error
    except (OSError, ValueError) as error:
        raise MplpError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from error


def kind_by_name(name: str) -> str | None:
    """The kind that a file name says.

    >>> kind_by_name("release.plan.json"), kind_by_name("plan.json"), kind_by_name("package.json")
    ('plan', None, None)
    """
    stem, _, word = name.removesuffix(".json").rpartition(".")
    return word if stem and word in OWN_ID else None


def kind_by_content(value: object) -> str | None:
    """The kind whose required members are all there; of several the one that asks for most.

    >>> kind_by_content({"meta": {}, "role_id": "r", "name": "n"}), kind_by_content({"name": "n"})
    ('role', None)
    """
    if not isinstance(value, Mapping):
        return None
    fitting = [(len(required), kind) for kind, required in _required().items() if required <= value.keys()]
    return max(fitting)[1] if fitting else None


@cache
def _required() -> Mapping[str, frozenset[str]]:
    return {kind: frozenset(mplp_schemas.read(mplp_schemas.KINDS[kind])["required"]) for kind in OWN_ID}


def _value(path: Path, *, is_ours: bool) -> Any:
    try:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
            if not is_ours and not any(mark in head for mark in _MARKS):
                return None
            content = head + stream.read(MOST_BYTES + 1 - len(head))
        return None if len(content) > MOST_BYTES else json.loads(content.decode("utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
