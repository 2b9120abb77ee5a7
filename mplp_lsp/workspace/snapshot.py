"""What a feature may see: everything as it stood at one moment, and none of it can change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.uris import key_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.index import Index

if TYPE_CHECKING:
    from mplp_runtime.orchestrator.views import RunView
    from mplp_runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class ClientView:
    """What the client can show, each question asked once at `initialize`; by default it can little."""

    name: str = ""
    related_information: bool = False
    diagnostic_tags: frozenset[int] = frozenset()
    code_description: bool = False
    diagnostic_data: bool = False
    hierarchical_symbols: bool = False
    symbol_resolve: bool = False
    markdown_hover: bool = False
    snippets: bool = False
    completion_documentation_markdown: bool = False
    completion_documentation_resolve: bool = True
    completion_preselect: bool = False
    insert_text_modes: frozenset[int] = frozenset()
    link_support: bool = False
    document_changes: bool = False
    change_annotations: bool = False
    resource_operations: frozenset[str] = frozenset()
    code_action_literals: bool = False
    code_action_preferred: bool = False
    code_action_disabled: bool = False
    code_action_data: bool = False
    code_action_resolve: frozenset[str] = frozenset()
    inlay_hint_resolve: frozenset[str] = frozenset()
    folding_line_only: bool = False
    folding_collapsed_text: bool = False
    folding_limit: int | None = None
    show_document: bool = False
    text_document_content: bool = False


@dataclass(frozen=True, slots=True)
class Documents(Mapping[str, Document]):
    """Documents by URI, however it is spelled: the open ones, then those on disk that nobody has open.

    `unread` are Confirms, by key, that are there and that no run reads: too large, no file, or a link out.
    """

    open: Mapping[str, Document] = field(default_factory=dict)
    closed: Mapping[str, Document] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()

    def is_unread(self, uri: str) -> bool:
        """Whether a Confirm is there of which no run knows what it says; what is open is known."""
        key = key_of(uri)
        return key in self.unread and key not in self.open

    def __getitem__(self, uri: str) -> Document:
        key = key_of(uri)
        document = self.open.get(key)
        return document if document is not None else self.closed[key]

    def __iter__(self) -> Iterator[str]:
        """URIs as their owners spelled them."""
        for document in self.values():
            yield document.uri

    def values(self) -> ValuesView[Document]:
        """Documents in the order of their URIs above, without a look-up for each."""
        return _Values(self)

    def __len__(self) -> int:
        return len(self.open) + sum(1 for key in self.closed if key not in self.open)


class _Values(ValuesView[Document]):
    _mapping: Documents

    def __iter__(self) -> Iterator[Document]:
        opened = self._mapping.open
        yield from opened.values()
        for key, document in self._mapping.closed.items():
            if key not in opened:
                yield document


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One project as it stood at one moment, with the documents of all projects of the session.

    `index` and `settings` are those of the project at `root`; `runs` holds the latest run per plan_id.
    While the project is being read `is_complete` is False: what `index` does not know may still come.
    `taken_at` is the moment, for what is written fresh (snippets, new documents); nothing that is shown of a
    text may depend on it.
    """

    documents: Documents
    index: Index
    root: Path | None = None
    runs: Mapping[str, RunView] = field(default_factory=dict)
    client: ClientView = ClientView()
    encoding: Encoding = "utf-16"
    is_trusted: bool = False
    max_findings: int = 1_000
    shows_id_hints: bool = True
    is_complete: bool = True
    taken_at: datetime = datetime(1970, 1, 1, tzinfo=UTC)

    @property
    def judged_by(self) -> Index | None:
        """What a document is measured against: None while the documents known by name are being read."""
        return self.index if self.is_complete or self.index.is_partial else None

    @property
    def settings(self) -> Settings | None:
        """The project's mplp.toml; None where there is none or it cannot be read."""
        return self.index.settings()

    def document(self, uri: str) -> Document | None:
        """The document at `uri`, None where it is neither open nor a known file of ours."""
        return self.documents.get(uri)
