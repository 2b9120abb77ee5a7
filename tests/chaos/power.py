"""The disk as a power cut leaves it, made from the log of a run's changes.

What was brought to disk is what an fsync named before the cut: the bytes of a file by an fsync of the file,
names by an fsync of their folder (a new file's first name also by that of the file, as ext4, XFS and Btrfs
have it; new folders are taken to stay). Everything else is lost in one of three ways (`Loss`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Loss = Literal["all of it", "but not the names", "some of it"]
"""Of what no fsync named: nothing stays; new names stay and their bytes do not; a part of the writes stays,
in any order, some of them torn at a sector's end."""

LOSSES: tuple[Loss, ...] = ("all of it", "but not the names", "some of it")
_SECTOR = 512


@dataclass(frozen=True)
class Change:
    """One line of the log. `first` is an offset or size, `other` a second path or a mark's text."""

    what: str
    path: str
    first: int
    other: str
    data: bytes


@dataclass
class _File:
    synced: bytes = b""
    content: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def change(self, change: Change) -> None:
        _apply(self.content, change)
        self.pending.append(change)

    def sync(self) -> None:
        self.synced = bytes(self.content)
        self.pending.clear()

    def after(self, loss: Loss, chance: random.Random) -> bytes:
        if loss != "some of it":
            return self.synced
        content = bytearray(self.synced)
        for change in self.pending:
            if chance.random() < 0.5:
                keep = change.data
                if len(keep) > _SECTOR and chance.random() < 0.3:
                    keep = keep[: _SECTOR * chance.randrange(1, len(keep) // _SECTOR + 1)]
                _apply(content, Change(change.what, change.path, change.first, "", keep))
        return bytes(content)


class _Disk:
    def __init__(self, base: Mapping[str, bytes]) -> None:
        self.now = {path: _File(content, bytearray(content)) for path, content in base.items()}
        self.kept = dict(self.now)
        self.folders: list[str] = []

    def take(self, change: Change) -> None:
        path, what = change.path, change.what
        if what == "create":
            self.now[path] = _File()
        elif what == "mkdir":
            self.folders.append(path)
        elif what == "unlink":
            self.now.pop(path, None)
        elif what == "rename":
            self.now[change.other] = self.now.pop(path)
        elif what == "fsync" and path in self.now:
            self.now[path].sync()
            if not any(file is self.now[path] for file in self.kept.values()):
                self.kept[path] = self.now[path]
        elif what == "fsync":
            inside = {name: file for name, file in self.now.items() if _parent(name) == path}
            gone = [name for name in self.kept if _parent(name) == path and name not in inside]
            for name in gone:
                del self.kept[name]
            self.kept.update(inside)
        elif path in self.now:
            self.now[path].change(change)

    def after(self, loss: Loss, chance: random.Random) -> Iterator[tuple[str, bytes]]:
        names = self.kept if loss == "all of it" else self.now
        for path, file in names.items():
            yield path, file.after(loss, chance)


class Changes:
    """The log of one recorded run, with the files that were there before it."""

    def __init__(self, changes: list[Change], base: Mapping[str, bytes]) -> None:
        self.all = changes
        self._base = base

    @classmethod
    def read(cls, log: Path, root: Path, base: Mapping[str, bytes]) -> Changes:
        """Paths become relative to `root`; the log is that of `shim.arm`."""
        text, position = log.read_bytes(), 0
        found: list[Change] = []
        prefix = str(root.resolve())

        def relative(path: str) -> str:
            return path.removeprefix(prefix).lstrip("/")

        while position < len(text):
            end = text.index(b"\n", position)
            what, path, first, other, length = text[position:end].decode().split("\t")
            data = text[end + 1 : end + 1 + int(length)]
            position = end + 1 + int(length)
            told = relative(other) if what == "rename" else other
            found.append(Change(what, relative(path), int(first), told, data))
        return cls(found, base)

    def moments(self) -> list[tuple[int, Loss]]:
        """Where the power is cut: before and after every fsync, and after whatever somebody outside has seen.

        A moment is the number of changes that had happened.
        """
        found: list[tuple[int, Loss]] = []
        for number, change in enumerate(self.all, start=1):
            if change.what == "mark":
                found.append((number, "all of it"))
            elif change.what == "fsync":
                loss = LOSSES[len(found) % 3]
                found.append((number - 1, loss))
                found.append((number, LOSSES[(len(found) + 1) % 3]))
        return found

    def heard(self, moment: int) -> tuple[str, ...]:
        """What the process had said by then."""
        said = (each.other for each in self.all[:moment] if each.what == "mark")
        return tuple(line for line in said if not line.startswith("effect "))

    def write(self, target: Path, moment: int, loss: Loss, *, seed: int) -> None:
        """The folder as it is found when the power is back. Effects are outside of the machine: they stay."""
        disk = _Disk(self._base)
        for change in self.all[:moment]:
            if change.what != "mark":
                disk.take(change)
        target.mkdir(parents=True)
        for folder in disk.folders:
            (target / folder).mkdir(parents=True, exist_ok=True)
        for path, content in disk.after(loss, random.Random(seed)):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)
        marks = (each.other for each in self.all[:moment] if each.what == "mark")
        effects = [f"{line.removeprefix('effect ')}\n" for line in marks if line.startswith("effect ")]
        (target / "effects").write_text("".join(effects), encoding="utf-8")


def files_of(root: Path) -> dict[str, bytes]:
    """Content by path relative to `root`."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }


def _apply(content: bytearray, change: Change) -> None:
    if change.what in {"truncate", "empty"}:
        size = change.first
        del content[size:]
        content.extend(bytes(size - len(content)))
    elif change.what == "write":
        if change.first > len(content):
            content.extend(bytes(change.first - len(content)))
        content[change.first : change.first + len(change.data)] = change.data


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
