"""URIs and paths: the only place that compares URIs (RFC 8089 for `file:`, RFC 3986 for the rest).

Clients spell the same file differently (`file:///c%3A/x`, `file:///C:/x`); `key_of` makes one key of all
spellings. Messages to the client repeat its own spelling.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import quote, unquote

_SAFE = "/-._~!$&'()*+,;=:@"
_DRIVE = re.compile(r"/?([A-Za-z])[:|](?=/|$)")
# Both directions are asked dozens of times per edit, nearly always about the same few documents.
_FEW = 16
_MANY = 2_048
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


@lru_cache(maxsize=_FEW)
def path_of(uri: str) -> Path | None:
    """The path of a `file:` URI, with any drive letter in upper case.

    None for every other scheme, and where no file can have the name: it is relative or holds a NUL.
    """
    parts = _file_parts(uri)
    if parts is None or "\0" in uri or "%00" in uri:
        return None
    host, path = parts
    drive = _DRIVE.match(path)
    if drive:
        return Path(f"{drive.group(1).upper()}:" + (path[drive.end() :] or "/"))
    if not path.startswith("/"):
        return None
    return Path(f"//{host}{path}") if host else Path(path)


def uri_of(path: Path | PurePosixPath | PureWindowsPath) -> str:
    """The `file:` URI of an absolute path, percent-encoded as UTF-8. Raises ValueError for a relative one."""
    text = path.as_posix()
    drive = re.match(r"([A-Za-z]):(?=/|$)", text)
    if drive:
        return f"file:///{drive.group(1).upper()}:" + _quoted(text[2:] or "/")
    if not text.startswith("/"):
        raise ValueError(f"A relative path has no URI: {text}")
    if text.startswith("//"):
        host, _, rest = text[2:].partition("/")
        return f"file://{host}/" + _quoted(rest)
    return "file://" + _quoted(text)


@lru_cache(maxsize=_MANY)
def key_of(uri: str) -> str:
    """One key for all spellings of a URI: percent-encoding, drive letter, scheme and host in one form."""
    parts = _file_parts(uri)
    if parts is None:
        scheme, colon, rest = uri.partition(":")
        return (scheme.lower() if colon else scheme) + colon + _canonical_escapes(rest)
    host, path = parts
    drive = _DRIVE.match(path)
    if drive:
        path = f"/{drive.group(1).upper()}:" + path[drive.end() :]
    return f"file://{host}" + _quoted(path)


def same(left: str, right: str) -> bool:
    """Whether two URIs name the same document."""
    return left == right or key_of(left) == key_of(right)


def _file_parts(uri: str) -> tuple[str, str] | None:
    """Host (empty for this machine) and decoded path of a `file:` URI."""
    if uri[:5].lower() != "file:":
        return None
    # A raw `#` or `?` is not legal in a path, but some clients send it; a file URI has no fragment here.
    rest = uri[5:]
    host = ""
    if rest.startswith("//"):
        host, slash, tail = rest[2:].partition("/")
        rest = slash + tail
    host = "" if host.lower() == "localhost" else unquote(host).lower()
    return host, unquote(rest, errors="surrogateescape")


def _quoted(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe=_SAFE)


def _canonical_escapes(text: str) -> str:
    """Escapes of unreserved characters decoded, all others in upper case (RFC 3986, 6.2.2)."""

    def one(match: re.Match[str]) -> str:
        character = chr(int(match.group(1), 16))
        plain = character.isascii() and (character.isalnum() or character in "-._~")
        return character if plain else match.group().upper()

    return _ESCAPE.sub(one, text)


def is_encodable(text: str) -> bool:
    """False where half a surrogate pair stands, which JSON can write and no name of a file holds."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
