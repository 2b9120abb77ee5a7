"""Keys of encrypted states: where they come from, and the ids by which rows name them.

A source holds one key, or several, the newest first: the first one encrypts, the others still open what was
encrypted with them. That is how a key is changed (docs/state.md).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mplp_runtime.errors import StoreKeyWrong

_HEX = re.compile(r"[0-9A-Fa-f]{64}\Z")
_LARGEST_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Key:
    """32 bytes for AES-256. `id` is a fingerprint, 16 hexadecimal digits, that says nothing about them."""

    secret: bytes = field(repr=False)
    id: str

    @classmethod
    def of(cls, secret: bytes) -> Key:
        """The key with its id.

        >>> Key.of(bytes(32)).id
        '0d7a20dfe2900534'
        """
        return cls(secret, hashlib.sha256(b"mplp state key\x00" + secret).hexdigest()[:16])


def keys_of_text(text: str, source: str) -> Sequence[Key]:
    """The keys in a text: 64 hexadecimal digits each, between white space or commas.

    Raises StoreKeyWrong, which names `source` and never repeats the text.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise StoreKeyWrong(f"{source} holds no key; 64 hexadecimal digits (32 bytes) are wanted.")
    for number, word in enumerate(words, start=1):
        if not _HEX.match(word):
            raise StoreKeyWrong(
                f"Key {number} in {source} is no key: 64 hexadecimal digits (32 bytes) are wanted, "
                f"not {len(word)} signs. `openssl rand -hex 32` makes one."
            )
    return [Key.of(bytes.fromhex(word)) for word in words]


def keys_of_variable(name: str, environment: Mapping[str, str] = os.environ) -> Sequence[Key]:
    """The keys in an environment variable. Raises StoreKeyWrong if it is not set or holds none."""
    if name not in environment:
        raise StoreKeyWrong(f"The state is to be encrypted, but the variable {name} is not set.")
    return keys_of_text(environment[name], f"the variable {name}")


def keys_of_file(path: Path, project: Path) -> Sequence[Key]:
    """The keys in a file outside the project that only its owner may read.

    Raises StoreKeyWrong for a file that others may read (any mode wider than 0600), for one inside the
    project, where it would be shared with the state, and for what cannot be read.
    """
    if not path.is_absolute():
        path = project / path
    if path.resolve().is_relative_to(project.resolve()):
        raise StoreKeyWrong(f"The key file {path} lies inside the project; keep it elsewhere.")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as stream:
            # Of the open file, so that nobody can put another one in its place in between.
            found = os.fstat(stream.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise StoreKeyWrong(f"The key file {path} is not a regular file.")
            if os.name == "posix" and found.st_mode & 0o077:
                mode = f"{found.st_mode & 0o777:04o}"
                raise StoreKeyWrong(
                    f"The key file {path} has the mode {mode}, so others may reach it; run chmod 600 on it."
                )
            content = stream.read(_LARGEST_FILE)
    except OSError as error:
        raise StoreKeyWrong(f"The key file {path} cannot be read: {error.strerror}.") from error
    return keys_of_text(content.decode("ascii", "replace"), f"the key file {path}")
