"""What is wrong with one value of an mplp.toml, and the words for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from mplp_runtime.rules.findings import Finding, Part, Place, Pointer, Stage
from mplp_runtime.settings.codes import SETTINGS_CODES
from mplp_runtime.settings.state_url import path_in_project
from mplp_runtime.settings.table import Key

_SEVERITIES = {entry.code: entry.severity for entry in SETTINGS_CODES}
_MOST = 1_000_000_000
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SPAN = re.compile(r"(?P<number>\d{1,9})\s*(?P<unit>[smh]?)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_PLAIN_TYPES: Mapping[str, tuple[type, str]] = {
    "boolean": (bool, "true or false"),
    "table": (dict, "a table"),
}
_SHELL = re.compile(r"[|&;<>$`*?]")


def value_findings(pointer: Pointer, name: str, value: object, key: Key) -> Iterator[Finding]:
    """Findings about one value; at most one, except for lists, which have one per wrong entry."""
    kind = key.kind
    if kind == "command" or (kind == "to" and isinstance(value, list)):
        yield from _command(pointer, name, value, key)
    elif kind == "strings":
        yield from _strings(pointer, name, value, key)
    elif kind == "choice":
        if not isinstance(value, str):
            yield _wrong_type(pointer, name, value, "one of " + ", ".join(key.choices), key)
        elif value not in key.choices:
            message = f"`{value}` is not possible here. Possible: {', '.join(key.choices)}."
            message += did_you_mean(value, key.choices)
            yield setting_finding("settings-value-unknown", message, pointer, data=guess(value, key.choices))
    elif kind in _PLAIN_TYPES:
        expected, words = _PLAIN_TYPES[kind]
        if not isinstance(value, expected):
            yield _wrong_type(pointer, name, value, words, key)
    elif kind in {"positive", "number", "count", "count0"}:
        yield from _number(pointer, name, value, key)
    elif not isinstance(value, str) or not value.strip():
        yield _wrong_type(pointer, name, value, "a text that is not empty", key)
    elif kind == "path" and _leaves_the_project(value):
        message = f"`{name}` leaves the project; a step stays inside. For example: {name} = {key.example}"
        yield setting_finding("settings-type-invalid", message, pointer)
    elif kind == "url" and not value.startswith(("http://", "https://")):
        yield _wrong_type(pointer, name, value, "an address that begins with http:// or https://", key)
    elif kind in {"state_url", "name"}:
        yield from _of_the_state(pointer, name, value, key)
    elif kind == "variable" and not _VARIABLE.match(value):
        # The value is not repeated: it may be the secret itself.
        message = f"`{name}` takes the name of a variable, never the secret. For example: {key.example}"
        yield setting_finding("settings-secret-inline", message, pointer)


def _of_the_state(pointer: Pointer, name: str, value: str, key: Key) -> Iterator[Finding]:
    if key.kind == "name":
        if not _VARIABLE.match(value):
            yield _wrong_type(pointer, name, value, "letters, digits and underscores", key)
    elif re.match(r"postgres(ql)?:", value):
        # The value is not repeated: it may hold a password.
        message = (
            "An address of PostgreSQL may hold a password; put it into a variable and write the variable's "
            'name: url_env = "MPLP_STATE_URL"'
        )
        yield setting_finding("settings-secret-inline", message, pointer)
    elif path_in_project(value) is None:
        words = "sqlite:/// and a path inside the project"
        yield _wrong_type(pointer, name, value, words, key)


def _leaves_the_project(path: str) -> bool:
    """Told by the words alone; links and absolute paths are looked at when the step runs."""
    depth = 0
    for part in path.replace("\\", "/").split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(part, 1)
        if depth < 0 and not path.startswith("/"):
            return True
    return "\0" in path


def _number(pointer: Pointer, name: str, value: object, key: Key) -> Iterator[Finding]:
    is_whole = key.kind in {"count", "count0"}
    least = {
        "positive": "above 0",
        "number": "of 0 or more",
        "count": "of 1 or more",
        "count0": "of 0 or more",
    }
    expected = f"a {'whole ' if is_whole else ''}number {least[key.kind]}"
    is_number = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
    if not is_number:
        yield _wrong_type(pointer, name, value, expected, key)
        return
    number: Any = value
    is_enough = number >= 1 if key.kind == "count" else number > 0 if key.kind == "positive" else number >= 0
    # The comparison is false for NaN; infinity, and what no system can count to, are too much.
    if not (is_enough and number <= _MOST):
        yield _wrong_type(pointer, name, value, expected, key)


def _command(pointer: Pointer, name: str, value: object, key: Key) -> Iterator[Finding]:
    if isinstance(value, str) and value.strip():
        try:
            words = shlex.split(value)
        except ValueError:
            words = value.split()
        form = "[" + ", ".join(_quoted(word) for word in words) + "]"
        message = (
            f"`{name}` is a list, one text per argument, because no shell takes it apart: {name} = {form}"
        )
        if _SHELL.search(value):
            message += ". Where you need what a shell does, name it: " + f'["sh", "-c", {_quoted(value)}]'
        yield setting_finding("settings-command-string", message, pointer, data={"replacement": words})
    elif not isinstance(value, list) or not value:
        yield _wrong_type(pointer, name, value, "a list of texts, the program first", key)
    else:
        yield from _strings(pointer, name, value, key)


def _strings(pointer: Pointer, name: str, value: object, key: Key) -> Iterator[Finding]:
    if not isinstance(value, list):
        yield _wrong_type(pointer, name, value, "a list of texts", key)
        return
    for index, entry in enumerate(value):
        if not isinstance(entry, str):
            yield _wrong_type((*pointer, index), f"{name}[{index}]", entry, "a text", key)
        elif name == "env_allow" and not _VARIABLE.match(entry):
            meant = entry.strip().lstrip("$").strip("{}").partition("=")[0]
            data: dict[str, object] = {"replacement": meant} if _VARIABLE.match(meant) else {}
            # The text is not repeated: it may hold a secret.
            message = f"`{name}` takes names of variables, such as PATH, and nothing else."
            yield setting_finding("settings-type-invalid", message, (*pointer, index), data=data)
        elif "\x00" in entry or (key.kind == "command" and index == 0 and not entry.strip()):
            yield _wrong_type(
                (*pointer, index), f"{name}[{index}]", entry, "a text that names something", key
            )


def _wrong_type(pointer: Pointer, name: str, value: object, expected: str, key: Key) -> Finding:
    shown = _type_word(value)
    if isinstance(value, bool):
        shown = str(value).lower()
    elif isinstance(value, int | float):
        shown = repr(value) if abs(value) <= _MOST or value != value else "too large a number"
    form = f"{name.partition('[')[0]} = {key.example}"
    message = f"`{name}` must be {expected}; this is {shown}. For example: {form}"
    data: dict[str, object] = {"example": key.example}
    meant = _meant(value, key)
    if meant is not None:
        data["replacement"] = meant
    return setting_finding("settings-type-invalid", message, pointer, data=data)


def _meant(value: object, key: Key) -> object | None:
    """The value that was meant where a text stands for a number or for true, or one text for a list of it."""
    if not isinstance(value, str):
        return None
    if key.kind == "boolean":
        return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}.get(
            value.lower()
        )
    if key.kind == "strings":
        return [value] if value.strip() else None
    match = _SPAN.fullmatch(value.strip())
    if match is None or key.kind not in {"positive", "number", "count", "count0"}:
        return None
    number, unit = int(match["number"]), match["unit"]
    if key.kind in {"count", "count0"}:
        return None if unit else number
    return number * _SECONDS[unit or "s"]


def _type_word(value: object) -> str:
    words = {str: "a text", list: "a list", dict: "a table"}
    if isinstance(value, str) and not value.strip():
        return "an empty text"
    if isinstance(value, str) and "\0" in value:
        return "a text with a NUL character"
    if value == []:
        return "an empty list"
    return next((word for type_, word in words.items() if isinstance(value, type_)), "a date or time")


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


# What other tools call these keys.
_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("cmd", "exec", "program", "shell", "script"), ("command",)),
    **dict.fromkeys(("dir", "directory", "working_directory", "workdir"), ("cwd",)),
    **dict.fromkeys(("timeout", "deadline", "max_time"), ("timeout_s",)),
    **dict.fromkeys(("retry", "attempts", "max_retries"), ("retries",)),
    **dict.fromkeys(("url", "endpoint", "host"), ("base_url",)),
    **dict.fromkeys(("key_env", "token_env"), ("api_key_env",)),
    **dict.fromkeys(("parallel", "workers", "jobs", "concurrency"), ("max_parallel",)),
    **dict.fromkeys(("memory", "memory_mb", "mem"), ("memory_mib",)),
    **dict.fromkeys(("type", "kind"), ("action",)),
    **dict.fromkeys(("src", "from", "input"), ("source",)),
    **dict.fromkeys(("dst", "dest", "destination", "path", "file"), ("target",)),
    **dict.fromkeys(("assignee", "recipient", "agent"), ("to",)),
    **dict.fromkeys(("env", "environment"), ("env_allow",)),
}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a message that names the known word nearest to `word`; "" where none is near.

    >>> did_you_mean("tester", ["texter", "writer"])
    ' Did you mean `texter`?'
    """
    close = _near(word, known)
    return f" Did you mean `{close}`?" if close else ""


def guess(word: str, known: Iterable[str]) -> dict[str, object]:
    """The same word as `replacement`, for the quick fix; {} where none is near."""
    close = _near(word, known)
    return {"replacement": close} if close else {}


def _near(word: str, known: Iterable[str]) -> str | None:
    """By meaning first: `cmd` is a command, though `cwd` is spelt nearly like it."""
    names = list(known)
    meant = next((name for name in _SYNONYMS.get(word.lower(), ()) if name in names), None)
    return meant or next(iter(get_close_matches(word, names, n=1)), None)


def setting_finding(
    code: str,
    message: str,
    pointer: Pointer,
    part: Part = "value",
    data: Mapping[str, object] | None = None,
    *,
    unnecessary: bool = False,
) -> Finding:
    """A finding of a code of SETTINGS_CODES, with the severity told there."""
    return Finding(
        code,
        message,
        _SEVERITIES[code],
        Stage.SCHEMA,
        Place(pointer, part),
        data=data or {},
        unnecessary=unnecessary,
    )
