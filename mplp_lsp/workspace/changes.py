"""What changed in a file, as the frozen file-update event wants it, and when to say so. Pure."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from pathlib import PurePath
from typing import Literal

ChangeType = Literal["created", "modified", "deleted", "renamed"]
ChangeSource = Literal["editor", "disk"]

_LINE_END = re.compile(r"\r\n|\n|\r")
_MAX_COMPARED_LINES = 1_500

_LANGUAGES = {
    ".json": "json", ".jsonc": "jsonc", ".ndjson": "ndjson", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml",
    ".md": "markdown", ".txt": "plaintext", ".py": "python", ".pyi": "python", ".js": "javascript",
    ".mjs": "javascript", ".cjs": "javascript", ".jsx": "javascriptreact", ".ts": "typescript",
    ".tsx": "typescriptreact", ".html": "html", ".css": "css", ".scss": "scss", ".go": "go", ".rs": "rust",
    ".java": "java", ".kt": "kotlin", ".swift": "swift", ".c": "c", ".h": "c", ".cc": "cpp", ".cpp": "cpp",
    ".hpp": "cpp", ".cs": "csharp", ".rb": "ruby", ".php": "php", ".sh": "shellscript", ".sql": "sql",
    ".xml": "xml", ".lua": "lua", ".r": "r", ".dart": "dart", ".ex": "elixir", ".scala": "scala",
}  # fmt: skip
"""LSP's language ids for files that no editor has told us the language of."""


@dataclass(frozen=True, slots=True)
class FileState:
    """A file at one moment. `text` is None where the content is not known (too large, binary, never read)."""

    text: str | None = None
    content_hash: str | None = None
    encoding: str | None = None

    @staticmethod
    def of_text(text: str, encoding: str = "utf-8") -> FileState:
        return FileState(text, content_hash(text), encoding)


@dataclass(frozen=True, slots=True)
class FileChange:
    """One change of one file. Counts are None where the text before or after is not known."""

    path: PurePath
    change_type: ChangeType
    source: ChangeSource
    language: str | None = None
    encoding: str | None = None
    lines_added: int | None = None
    lines_removed: int | None = None
    content_hash: str | None = None
    previous_path: PurePath | None = None


def content_hash(text: str | bytes) -> str:
    """`sha256:` and 64 hex digits, over the UTF-8 bytes (lone surrogates as their three bytes)."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return "sha256:" + hashlib.sha256(content).hexdigest()


def language_of(path: PurePath, language_id: str | None = None) -> str | None:
    """What the editor called it, else what the extension tells."""
    if language_id:
        return language_id
    return "dockerfile" if path.name == "Dockerfile" else _LANGUAGES.get(path.suffix.lower())


def lines_of(text: str) -> list[str]:
    """Lines without their ends, LSP's three line ends only; an unended last line counts, an empty one not.

    >>> lines_of("a\\r\\nb")
    ['a', 'b']
    """
    lines = _LINE_END.split(text)
    if lines[-1] == "":
        lines.pop()
    return lines


def line_counts(before: str, after: str) -> tuple[int, int]:
    """Lines added and lines removed, as a line diff counts them.

    Where more than 1,500 lines differ in the middle, order is ignored and only which lines came and went is
    counted: a diff there would take seconds, and nobody reads its exact count.
    """
    old, new = lines_of(before), lines_of(after)
    shortest = min(len(old), len(new))
    head = 0
    while head < shortest and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < shortest - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    old, new = old[head : len(old) - tail], new[head : len(new) - tail]
    if not old or not new:
        return len(new), len(old)
    if len(old) + len(new) > _MAX_COMPARED_LINES:
        gone, came = Counter(old), Counter(new)
        return (came - gone).total(), (gone - came).total()
    same = sum(block.size for block in SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
    return len(new) - same, len(old) - same


def file_change(
    path: PurePath,
    before: FileState | None,
    after: FileState | None,
    *,
    source: ChangeSource,
    language_id: str | None = None,
    previous_path: PurePath | None = None,
) -> FileChange | None:
    """What happened between two states (None = the file was not there); None if nothing did.

    Equal content under the same path is no change: a touch, or an edit that was undone. A `before` whose
    content is not known counts as different, because something told us that the file changed.
    """
    if before is None and after is None:
        return None
    moved = previous_path is not None and previous_path != path
    if before is not None and after is not None and not moved:
        known = before.content_hash is not None and after.content_hash is not None
        if known and before.content_hash == after.content_hash:
            return None
    kind: ChangeType
    if after is None:
        kind = "deleted"
    elif moved:
        kind = "renamed"
    else:
        kind = "created" if before is None else "modified"
    added, removed = _counts(before, after)
    return FileChange(
        path=path,
        change_type=kind,
        source=source,
        language=language_of(path, language_id),
        encoding=after.encoding if after is not None else None,
        lines_added=added,
        lines_removed=removed,
        content_hash=after.content_hash if after is not None else None,
        previous_path=previous_path if moved and after is not None else None,
    )


def _counts(before: FileState | None, after: FileState | None) -> tuple[int | None, int | None]:
    old = "" if before is None else before.text
    new = "" if after is None else after.text
    if old is None or new is None:
        return None, None
    return line_counts(old, new)


@dataclass(frozen=True, slots=True)
class Settled:
    """A file that is quiet: how it was, and how it is now."""

    path: PurePath
    before: FileState | None
    after: FileState | None
    source: ChangeSource
    language_id: str | None = None
    previous_path: PurePath | None = None

    def change(self) -> FileChange | None:
        """What happened to it, None if nothing did. Compares two texts: many are for a worker."""
        return file_change(
            self.path,
            self.before,
            self.after,
            source=self.source,
            language_id=self.language_id,
            previous_path=self.previous_path,
        )


@dataclass(frozen=True, slots=True)
class _Pending:
    before: FileState | None
    after: FileState | None
    source: ChangeSource
    language_id: str | None
    previous_path: PurePath | None
    due_s: float
    latest_s: float


class Quiet:
    """Holds changes back until their file has been quiet, and makes one change of many.

    Per path the first `before` and the last `after` are kept, so that typing and undoing is no event, and a
    file that came and went leaves no trace. A file that is never quiet is reported every `longest_s`.
    """

    def __init__(self, clock: Callable[[], float], *, quiet_s: float = 0.5, longest_s: float = 10.0) -> None:
        self._clock = clock
        self._quiet_s = quiet_s
        self._longest_s = longest_s
        self._pending: dict[PurePath, _Pending] = {}

    def note(
        self,
        path: PurePath,
        before: FileState | None,
        after: FileState | None,
        *,
        source: ChangeSource,
        language_id: str | None = None,
    ) -> None:
        """Something changed `path` from `before` to `after`; starts its quiet time again."""
        now = self._clock()
        earlier = self._pending.get(path)
        if earlier is None:
            due = now + self._quiet_s
            self._pending[path] = _Pending(
                before, after, source, language_id, None, due, now + self._longest_s
            )
            return
        # The editor's word outranks the watcher's echo of the same save.
        told_by: ChangeSource = "editor" if "editor" in {source, earlier.source} else "disk"
        self._pending[path] = replace(
            earlier,
            after=after,
            source=told_by,
            language_id=language_id or earlier.language_id,
            due_s=min(now + self._quiet_s, earlier.latest_s),
        )

    def note_renamed(
        self, old: PurePath, new: PurePath, state: FileState | None, *, source: ChangeSource
    ) -> None:
        """`old` is now `new`; what was pending for `old` goes along, and a chain keeps its first name."""
        now = self._clock()
        earlier = self._pending.pop(old, None)
        was_new = earlier is not None and earlier.before is None and earlier.previous_path is None
        first = old if earlier is None or earlier.previous_path is None else earlier.previous_path
        self._pending[new] = _Pending(
            before=earlier.before if earlier is not None else state,
            after=state if state is not None else (earlier.after if earlier is not None else None),
            source=source,
            language_id=earlier.language_id if earlier is not None else None,
            previous_path=None if was_new else first,
            due_s=now + self._quiet_s,
            latest_s=now + self._longest_s,
        )

    def due(self) -> list[Settled]:
        """Files that are quiet by now, in the order their time came; each is returned once."""
        now = self._clock()
        ripe = [(item.due_s, path) for path, item in self._pending.items() if item.due_s <= now]
        return self._taken([path for _, path in sorted(ripe, key=lambda pair: pair[0])])

    def flush(self, path: PurePath | None = None) -> list[Settled]:
        """What is pending for `path`, or all of it, without waiting (save, close, shutdown)."""
        paths = list(self._pending) if path is None else [path] if path in self._pending else []
        return self._taken(paths)

    def drop(self, path: PurePath) -> bool:
        """Forgets what is pending for `path`, as if it had not happened; whether there was anything."""
        return self._pending.pop(path, None) is not None

    def seconds_until_due(self) -> float | None:
        """How long to sleep before `due` has something; None while nothing is pending."""
        if not self._pending:
            return None
        return max(0.0, min(item.due_s for item in self._pending.values()) - self._clock())

    def _taken(self, paths: list[PurePath]) -> list[Settled]:
        pending = [(path, self._pending.pop(path)) for path in paths]
        return [
            Settled(path, item.before, item.after, item.source, item.language_id, item.previous_path)
            for path, item in pending
        ]
