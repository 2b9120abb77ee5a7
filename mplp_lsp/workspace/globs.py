"""File globs as editors write them: `*`, `?`, `[...]`, `{a,b}` within a path component, `**` across them."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def compiled(glob: str) -> re.Pattern[str]:
    """A pattern for whole paths with `/` between components, relative to the folder the glob is written for.

    A glob without a slash is about names, so it holds in every folder, as in `.gitignore`.
    An unclosed bracket or brace stands for itself: settings typed by hand must not raise.
    """
    text = glob.replace("\\", "/").removeprefix("./").lstrip("/")
    if "/" not in text:
        text = f"**/{text}"
    if text.endswith("/"):
        text += "**"
    return re.compile(_translated(text) + r"\Z", re.DOTALL)


def matches(glob: str, relative_path: str) -> bool:
    """Whether `relative_path` (POSIX separators) falls under `glob`."""
    return compiled(glob).match(relative_path) is not None


def _translated(glob: str) -> str:
    parts: list[str] = []
    index = 0
    while index < len(glob):
        character = glob[index]
        if glob.startswith("**/", index):
            parts.append("(?:[^/]+/)*")
            index += 3
            continue
        if glob.startswith("**", index):
            parts.append(".*")
            index += 2
            continue
        if character == "*":
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif character == "[" and (end := glob.find("]", index + 2)) != -1:
            inside = glob[index + 1 : end]
            negated, body = inside[:1] in {"!", "^"}, inside.lstrip("!^")
            parts.append(f"[{'^' if negated else ''}{_class(body)}]")
            index = end
        elif character == "{" and (end := glob.find("}", index)) != -1:
            choices = glob[index + 1 : end].split(",")
            parts.append("(?:" + "|".join(_translated(choice) for choice in choices) + ")")
            index = end
        else:
            parts.append(re.escape(character))
        index += 1
    return "".join(parts)


def _class(body: str) -> str:
    escaped = re.sub(r"([\\\]\[&~|^])", r"\\\1", body)
    try:
        re.compile(f"[{escaped}]")
    except re.error:
        return re.escape(body)
    return escaped
