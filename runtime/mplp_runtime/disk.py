"""Reading files so that no file can hurt us: bounded, regular files only, any bytes."""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MAX_DOCUMENT_BYTES = 5 * 1024 * 1024
"""Above this a document is not analysed (one visible item says so)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a `stat` tells about a file's content; equal stamps mean "not looked at again"."""

    modified_ns: int
    size_bytes: int
    inode: int

    @staticmethod
    def of(result: os.stat_result) -> Stamp:
        return Stamp(result.st_mtime_ns, result.st_size, result.st_ino)


def stamp_of(path: Path | str, *, follow_links: bool = True) -> Stamp | None:
    """The stamp of a regular file; None for what is absent, unreadable, a folder, a FIFO or a device."""
    try:
        result = os.stat(path, follow_symlinks=follow_links)  # noqa: PTH116 (names of thousands of files)
    except (OSError, ValueError):
        return None
    return Stamp.of(result) if stat.S_ISREG(result.st_mode) else None


_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINKS = getattr(os, "O_NOFOLLOW", 0)


def read_head(path: Path | str, size_bytes: int, *, follow_links: bool = True) -> tuple[bytes, Stamp] | None:
    """At most the first `size_bytes` of a regular file; None where there is none to read.

    Opened without blocking: a FIFO that replaced the file after the listing must not hang the server.
    """
    try:
        descriptor = os.open(path, _FLAGS if follow_links else _FLAGS | _NO_LINKS)
    except (OSError, ValueError):
        return None
    try:
        result = os.fstat(descriptor)
        if not stat.S_ISREG(result.st_mode):
            return None
        wanted = min(size_bytes, result.st_size + 1)
        content = os.read(descriptor, wanted)
        if len(content) not in {wanted, result.st_size}:
            # Less than was promised: the system reads in pieces, or the file has just been cut.
            chunks = [content]
            wanted -= len(content)
            while content and wanted > 0 and (content := os.read(descriptor, wanted)):
                chunks.append(content)
                wanted -= len(content)
            content = b"".join(chunks)
        return content, Stamp.of(result)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def open_regular(path: Path) -> BinaryIO:
    """A regular file, to be read. Raises OSError, also for all else: a FIFO is not waited for."""
    descriptor = os.open(path, _FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return os.fdopen(descriptor, "rb")


def read_regular_bytes(path: Path) -> bytes:
    """The bytes of a regular file. Raises OSError as `open_regular`."""
    with open_regular(path) as stream:
        return stream.read()


def read_regular(path: Path, encoding: str = "utf-8") -> str:
    """The text of a regular file. Raises UnicodeDecodeError, and OSError as `open_regular`."""
    with io.TextIOWrapper(open_regular(path), encoding=encoding) as stream:
        return stream.read()


def why(problem: Exception) -> str:
    """What a sentence about a file says of an error; without the file's name, which the sentence has.

    >>> why(FileNotFoundError(2, "No such file or directory", "plan.json")), why(ValueError("no JSON"))
    ('No such file or directory', 'no JSON')
    """
    return str(getattr(problem, "strerror", None) or problem)


@dataclass(frozen=True, slots=True)
class Decoded:
    """Text of a file. `fault`: offset of the first place that is not UTF-8, and a sentence about it."""

    text: str
    encoding: str
    fault: tuple[int, str] | None = None


_UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def decoded(content: bytes) -> Decoded:
    """Never raises: bytes that are no UTF-8 become U+FFFD and are reported.

    A byte-order mark stays in the text, because the text layer reports it at its place.
    """
    for mark, encoding in _UTF_16.items():
        if content.startswith(mark):
            text = content[len(mark) :].decode(encoding, "replace")
            sentence = f"This file is {encoding.upper()}. MPLP documents are UTF-8: save it as UTF-8."
            return Decoded(text, encoding, (0, sentence))
    try:
        return Decoded(content.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        offset = len(content[: error.start].decode("utf-8"))
        sentence = (
            f"Byte {error.start} (0x{content[error.start]:02x}) is not UTF-8. MPLP documents are UTF-8: "
            "save it as UTF-8."
        )
        return Decoded(content.decode("utf-8", "replace"), "binary", (offset, sentence))
