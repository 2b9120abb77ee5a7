"""The documents of a session: those the editor has open, and ours on disk. Knows files, not projects."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from mplp_lsp.text.edits import Change, apply
from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_lsp.text.uris import key_of, path_of, uri_of
from mplp_lsp.workspace.documents import Document, Setting
from mplp_lsp.workspace.facts import facts_of_text
from mplp_lsp.workspace.foreign_files import ForeignFiles
from mplp_lsp.workspace.kinds import by_name
from mplp_lsp.workspace.snapshot import Documents
from mplp_runtime.disk import MAX_DOCUMENT_BYTES, Stamp, decoded, read_head, stamp_of
from mplp_runtime.kinds import MODULES, confirm_path, may_be_ours

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


class Read(NamedTuple):
    """What the disk says about a file (None: nothing that is ours), and what was known when it was asked."""

    path: Path
    before: Document | None
    after: Document | None


class Store:
    """Owned by one session and used on its thread only; `documents` is what others may keep.

    `setting_for` gives, for a path, what decides its kind besides its text.
    """

    def __init__(self, setting_for: Callable[[Path | None], Setting], encoding: Encoding = "utf-16") -> None:
        self.encoding = encoding
        self.documents = Documents()
        self._setting_for = setting_for
        self._foreign = ForeignFiles()
        self._empty: dict[str, Path] = {}
        self._unread: set[str] = set()

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
        self.documents = replace(self.documents, open=_without(self.documents.open, key))
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

    def look(self, paths: Iterable[Path]) -> Iterator[Read]:
        """What the disk says about these files, where that is not what is known; changes no document.

        Also about all that is known below folders that are gone. A worker may walk it, a stretch at a time.
        Open documents are left alone: the editor's buffer holds, whatever happens on disk.
        """
        gone: set[str] = set()
        for path in paths:
            uri = uri_of(path)
            key = key_of(uri)
            stamp = stamp_of(path)
            if stamp is None:
                self._note_unread(path)
                if not path.exists():
                    gone.add(os.path.normcase(path))
            before = self.documents.closed.get(key)
            if key in self.documents.open or (stamp is not None and self._is_known(key, before, stamp)):
                continue
            try:
                known_as = before.uri if before is not None else uri
                after = self._read(known_as, path, before) if stamp is not None else None
            except Exception:
                # A bug that one file shows must not hide the others.
                logger.exception("A bug in reading %s.", path)
                continue
            if before is not None or after is not None:
                yield Read(path, before, after)
        if gone:
            for document in self.documents.closed.values():
                if document.path is not None and is_below(document.path, gone):
                    yield Read(document.path, document, None)

    def put_read(self, reads: Iterable[Read]) -> list[Update]:
        """What `look` gave takes its place, unless the documents were opened, or read again, meanwhile."""
        updates: list[Update] = []
        changed: dict[str, Document | None] = {}
        for path, known, found in reads:
            key = key_of(uri_of(path))
            before, after = self.documents.closed.get(key), found
            if key in self.documents.open or key in changed:
                continue
            if before is not known:
                after = self._read(uri_of(path), path, before)
            document = before or after
            if document is not None:
                changed[key] = after
                updates.append(Update(document.uri, before, after))
        self._put_closed(changed.items())
        return updates

    def refresh(self, paths: Iterable[Path]) -> list[Update]:
        """What the disk says about these files now, and about what was known below folders that are gone."""
        return self.put_read(self.look(paths))

    def known_below(self, folder: Path) -> list[Path]:
        """The files of all closed documents below a folder."""
        inside = {os.path.normcase(folder)}
        return [
            document.path
            for document in self.documents.closed.values()
            if document.path is not None and is_below(document.path, inside)
        ]

    def forget_foreign(self) -> None:
        """What decides about names has changed: files that were nobody's may be ours."""
        self._foreign = ForeignFiles()

    def _is_known(self, key: str, before: Document | None, stamp: Stamp) -> bool:
        return before.stamp == stamp if before is not None else self._foreign.holds(key, stamp)

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
        folders = {os.path.normcase(folder)}
        gone = [
            (key, document)
            for key, document in self.documents.closed.items()
            if document.path is not None and is_below(document.path, folders)
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
        self._empty.pop(key, None)
        setting = self._setting_for(path)
        verdict = by_name(path, setting.rules, setting.root)
        if verdict.decides == "name" and verdict.kind is None:
            return None
        is_confirm = verdict.kind == "confirm"
        if is_confirm:
            self._note_unread(path)
        elif "plan" in {verdict.kind, verdict.bare}:
            # Lists of files leave out what is none.
            self._note_no_file(confirm_path(path))
        found = read_head(path, MAX_DOCUMENT_BYTES + 1)
        if found is None:
            return None
        content, stamp = found
        if is_confirm and len(content) > MAX_DOCUMENT_BYTES:
            self._unread.add(key)
        if len(content) > MAX_DOCUMENT_BYTES or (
            verdict.decides == "content" and verdict.bare is None and not may_be_ours(content)
        ):
            self._foreign.add(key, stamp)
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
            self._foreign.add(key, stamp)
            return None
        return _at_rest(document, before)

    def _note_unread(self, path: Path) -> None:
        """A Confirm that is no file of the project is known as one that no run reads, and no other file."""
        self._unread.discard(key_of(uri_of(path)))
        self._note_no_file(path)

    def _note_no_file(self, path: Path) -> None:
        setting = self._setting_for(path)
        is_confirm = by_name(path, setting.rules, setting.root).kind == "confirm"
        if is_confirm and _is_no_file_inside(path, setting.root):
            self._unread.add(key_of(uri_of(path)))

    def _put_open(self, key: str, document: Document) -> None:
        self.documents = replace(self.documents, open={**self.documents.open, key: document})

    def _put_closed(self, changes: Iterable[tuple[str, Document | None]]) -> None:
        closed = dict(self.documents.closed)
        for key, document in changes:
            if document is None:
                closed.pop(key, None)
            else:
                closed[key] = document
        self.documents = Documents(self.documents.open, closed, frozenset(self._unread))


def _at_rest(document: Document, before: Document | None) -> Document:
    """With its facts, which others need, but without the tree: it is made again when asked for."""
    facts = None
    if document.kind in MODULES and "tree" not in document.cache:
        facts = facts_of_text(document.uri, document.kind, document.text.text)
    if facts is None:
        facts = document.facts
    if before is not None and before.facts == facts:
        facts = before.facts
    return replace(document, cache={"facts": facts}, lineage={})


def is_below(path: Path, folders: Collection[str]) -> bool:
    """Whether a file is one of these, or lies in one of them; `folders` as `os.path.normcase` spells them."""
    name = os.path.normcase(path)
    while name not in folders:
        above = os.path.dirname(name)  # noqa: PTH120 (a thousand paths a time)
        if above == name:
            return False
        name = above
    return True


def _is_no_file_inside(path: Path, root: Path | None) -> bool:
    """Whether something is at `path` and is neither a regular file nor a link to one of the project."""
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):
        return False
    if not stat.S_ISLNK(mode):
        return not stat.S_ISREG(mode)
    found = path.resolve()
    return root is None or not found.is_relative_to(root.resolve()) or stamp_of(found) is None


def _without(documents: Mapping[str, Document], key: str) -> dict[str, Document]:
    return {other: document for other, document in documents.items() if other != key}
