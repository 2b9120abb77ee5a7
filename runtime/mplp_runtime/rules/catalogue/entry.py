"""What the documentation says about one code, and the examples that prove it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Document:
    """One document of an example: only the lines that matter.

    `kind` is its kind of document, or `toml`, `lines` (one event each) or `text` (JSON or what should be);
    `path` is told where it matters.
    """

    text: str
    kind: str = "plan"
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A document that shows a fault or does not, with what stands around it.

    `others` are further documents of the workspace; `saved` is the document at its last save.
    """

    document: Document
    others: tuple[Document, ...] = ()
    saved: Document | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One code: how grave it is, what it means, how to repair it, and an example of each side.

    `failing` and `passing` are None only for codes about a running plan, which no text can show.
    """

    code: str
    severity: str
    meaning: str
    fix: str
    failing: Example | None = None
    passing: Example | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """Entries that belong together."""

    title: str
    introduction: str
    entries: tuple[Entry, ...]


def one(text: str, kind: str = "plan") -> Example:
    """An example of a single document."""
    return Example(Document(text, kind))


FIRST = "3f2b8c1e-5a7d-4e9b-8c6f-1d2e3a4b5c6d"
SECOND = "9c4d2a7b-1e3f-4b5a-9d8c-7e6f5a4b3c2d"
THIRD = "b7e1c5d2-8f3a-4c6b-a5e4-2d1f0c9b8a7e"
