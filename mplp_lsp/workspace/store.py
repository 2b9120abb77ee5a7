"""The documents of a session: those the editor has open, and ours on disk. Knows files, not projects."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mplp_lsp.text.edits import Change, apply
from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_lsp.text.uris import key_of, path_of, uri_of
from mplp_lsp.workspace.disk import MAX_DOCUMENT_BYTES, Stamp, decoded, read_head, stamp_of
from mplp_lsp.workspace.documents import Document, Setting
from mplp_lsp.workspace.kinds import by_name, may_be_ours
from mplp_lsp.workspace.snapshot import Documents

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Update:
    """One document before and after something happened; None where it was not, or is no more, known."""

    uri: str
    before: Document | None
    after: Document | None

    @property
    def is_ours(self) -> bool:
        """Whether its findings may have changed: it is one of ours, or was."""
        return any(
            document is not None and document.kind is not None for document in (self.before, self.after)
        )

    @property
    def kinds(self) -> frozenset[str]:
        """What it is, and what it was."""
        documents = [document for document in (self.before, self.after) if document is not None]
        return frozenset(document.kind for document in documents if document.kind is not None)

    @property
    def has_new_text(self) -> bool:
        """Whether it came, went, or says something else."""
        if self.before is None or self.after is None:
            return True
        return self.before.text is not self.after.text and self.before.text.text != self.after.text.text


class Store:
    """Owned by one session and used on its thread only; `documents` is what others may keep.

    `setting_for` gives, for a path, what decides its kind besides its text.
    """

    def __init__(self, setting_for: Callable[[Path | None], Setting], encoding: Encoding = "utf-16") -> None:
        self.encoding = encoding
        self.documents = Documents()
        self._setting_for = setting_for
        self._foreign: dict[str, Stamp] = {}
        self._empty: dict[str, Path] = {}

    def document(self, uri: str) -> Document | None:
        return self.documents.get(uri)

    def is_open(self, uri: str) -> bool:
        return key_of(uri) in self.documents.open

    def open(self, uri: str, language_id: str, version: int, text: str) -> Update:
        """`didOpen`. Opening what is open replaces it: the client's word about its own buffer holds."""
        return self.put(self.opened(uri, language_id, version, text))

    def opened(self, uri: str, language_id: str, version: int, text: str) -> Document:
        """The document that `open` puts in place; changes nothing, so a worker may make it."""
        path = path_of(uri)
        fresh = Document(
            uri=uri,
            path=path,
            version=version,
            language_id=language_id,
            kind=None,
            text=TextSnapshot.of(text),
            is_open=True,
        )
        return fresh.judged(self._setting_for(path))

    def put(self, document: Document) -> Update:
        """An open document takes the place of its earlier version."""
        before = self.document(document.uri)
        self._put_open(key_of(document.uri), document)
        return Update(document.uri, before, document)

    def change(self, uri: str, version: int, changes: Iterable[Change]) -> Update | None:
        """`didChange`; None, and a line in the log, where it is not open or the version not newer."""
        after = self.changed(uri, version, changes)
        return None if after is None else self.put(after)

    def changed(self, uri: str, version: int, changes: Iterable[Change]) -> Document | None:
        """The document that `change` puts in place; changes nothing, so a worker may make it."""
        before = self.documents.open.get(key_of(uri))
        if before is None:
            logger.warning("A change of a document that is not open was ignored: %s", uri)
            return None
        if before.version is not None and version <= before.version:
            logger.warning("Version %d of %s was ignored; it is at %d", version, uri, before.version)
            return None
        text, edits = apply(before.text, changes, self.encoding)
        return before.edited(version, edits, text, self._setting_for(before.path))

    def save(self, uri: str, text: str | None = None) -> Update | None:
        """`didSave`. A text that is sent along must be ours; if not, ours was wrong and is replaced."""
        key = key_of(uri)
        before = self.documents.open.get(key)
        if before is None:
            logger.warning("A save of a document that is not open was ignored: %s", uri)
            return None
        after = replace(before, stamp=stamp_of(before.path) if before.path is not None else None)
        if text is not None and text != before.text.text:
            logger.warning("The saved text of %s differs from ours; the saved text holds", uri)
            snapshot, edits = apply(before.text, [(None, text)], self.encoding)
            after = after.edited(before.version, edits, snapshot, self._setting_for(before.path))
        self._put_open(key, after)
        return Update(before.uri, before, after)

    def close(self, uri: str, read: Callable[[], Document | None] | None = None) -> Update | None:
        """`didClose`. From now on the file on disk holds, if there is one and it is ours.

        `read` gives what `read_again` gave, where a worker has called that already.
        """
        key = key_of(uri)
        before = self.documents.open.get(key)
        if before is None:
            logger.warning("A close of a document that is not open was ignored: %s", uri)
            return None
        self.documents = Documents(_without(self.documents.open, key), self.documents.closed)
        if read is not None:
            after = read()
        else:
            after = self._read(before.uri, before.path, before) if before.path is not None else None
        self._put_closed([(key, after)])
        return Update(before.uri, before, after)

    def read_again(self, path: Path) -> Document | None:
        """What the disk says about a file; changes no document, so a worker may call it."""
        uri = uri_of(path)
        before = self.document(uri)
        return self._read(before.uri if before is not None else uri, path, before)

    def put_closed(self, path: Path, after: Document | None) -> Update | None:
        """What `read_again` gave takes its place, unless the document was opened meanwhile."""
        key = key_of(uri_of(path))
        before = self.documents.closed.get(key)
        if key in self.documents.open or (before is None and after is None):
            return None
        self._put_closed([(key, after)])
        known = before or after
        return None if known is None else Update(known.uri, before, after)

    def refresh(self, paths: Iterable[Path]) -> list[Update]:
        """What the disk says about these files now; files whose stamp is the one we know are not read again.

        Open documents are left alone: the editor's buffer holds, whatever happens on disk.
        """
        updates: list[Update] = []
        changed: list[tuple[str, Document | None]] = []
        for path in paths:
            uri = uri_of(path)
            key = key_of(uri)
            if key in self.documents.open:
                continue
            before = self.documents.closed.get(key)
            stamp = stamp_of(path)
            if stamp is not None and self.is_known(path, stamp):
                continue
            after = self._read(before.uri if before is not None else uri, path, before)
            if before is None and after is None:
                continue
            changed.append((key, after))
            updates.append(Update(before.uri if before is not None else uri, before, after))
        self._put_closed(changed)
        return updates

    def is_known(self, path: Path, stamp: Stamp) -> bool:
        """Whether the file is open, or was read as it stands."""
        key = key_of(uri_of(path))
        before = self.documents.closed.get(key)
        known = before.stamp if before is not None else self._foreign.get(key)
        return key in self.documents.open or stamp == known

    def refresh_empty(self, folders: Collection[Path | None]) -> list[Update]:
        """Files on disk that are empty, in folders where the neighbours changed that decide what they are."""
        waiting = [(key, path) for key, path in self._empty.items() if path.parent in folders]
        updates: list[Update] = []
        for key, path in waiting:
            before = self.documents.closed.get(key)
            after = None if key in self.documents.open else self._read(uri_of(path), path, before)
            if (before is None) != (after is None) and key not in self.documents.open:
                self._put_closed([(key, after)])
                updates.append(Update(uri_of(path), before, after))
        return updates

    def forget_below(self, folder: Path) -> list[Update]:
        """Takes out closed documents below a folder that is gone or no longer part of the workspace."""
        gone = [
            (key, document)
            for key, document in self.documents.closed.items()
            if document.path is not None and document.path.is_relative_to(folder)
        ]
        self._put_closed([(key, None) for key, _ in gone])
        return [Update(document.uri, document, None) for _, document in gone]

    def judge_again(self, uris: Iterable[str]) -> list[Update]:
        """Decides kinds anew (settings or neighbours changed); returns those whose kind changed."""
        updates: list[Update] = []
        for uri in uris:
            before = self.document(uri)
            if before is None:
                continue
            after = before.judged(self._setting_for(before.path))
            if after.kind == before.kind:
                continue
            if before.is_open:
                self._put_open(key_of(uri), after)
            else:
                self._put_closed([(key_of(uri), after if after.kind is not None else None)])
            updates.append(Update(before.uri, before, after))
        return updates

    def _read(self, uri: str, path: Path, before: Document | None) -> Document | None:
        """The file as a closed document; None where it is absent, foreign, or too large to be looked at."""
        key = key_of(uri)
        self._foreign.pop(key, None)
        self._empty.pop(key, None)
        setting = self._setting_for(path)
        verdict = by_name(path, setting.rules, setting.root)
        if verdict.decides == "name" and verdict.kind is None:
            return None
        found = read_head(path, MAX_DOCUMENT_BYTES + 1)
        if found is None:
            return None
        content, stamp = found
        if len(content) > MAX_DOCUMENT_BYTES or (
            verdict.decides == "content" and verdict.bare is None and not may_be_ours(content)
        ):
            self._foreign[key] = stamp
            return None
        if verdict.bare is not None and not content.strip():
            self._empty[key] = path
        text = decoded(content)
        fresh = Document(
            uri=uri,
            path=path,
            version=None,
            language_id=path.suffix.removeprefix("."),
            kind=None,
            text=TextSnapshot.of(text.text),
            is_open=False,
            stamp=stamp,
            encoding=text.encoding,
            fault=text.fault,
        )
        document = fresh.judged(setting)
        if document.kind is None:
            self._foreign[key] = stamp
            return None
        return _at_rest(document, before)

    def _put_open(self, key: str, document: Document) -> None:
        self.documents = Documents({**self.documents.open, key: document}, self.documents.closed)

    def _put_closed(self, changes: Iterable[tuple[str, Document | None]]) -> None:
        closed = dict(self.documents.closed)
        for key, document in changes:
            if document is None:
                closed.pop(key, None)
            else:
                closed[key] = document
        self.documents = Documents(self.documents.open, closed)


def _at_rest(document: Document, before: Document | None) -> Document:
    """With its facts, which others need, but without the tree: it is made again when asked for."""
    facts = document.facts
    if before is not None and before.facts == facts:
        facts = before.facts
    return replace(document, cache={"facts": facts}, lineage={})


def _without(documents: Mapping[str, Document], key: str) -> dict[str, Document]:
    return {other: document for other, document in documents.items() if other != key}
