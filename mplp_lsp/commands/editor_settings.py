"""The settings a client may have for the server: the one list that is read, checked and documented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from mplp_runtime.rules.words import nearest

SECTION = "mplp"

Kind = Literal["boolean", "number", "object", "list or object"]

_WORDS: Mapping[Kind, str] = {
    "boolean": "true or false",
    "number": "a whole number from 0 up",
    "object": "an object whose values are strings",
    "list or object": "a list of globs, or an object that says true or false for each",
}


@dataclass(frozen=True, slots=True)
class EditorSetting:
    """One setting, without the `mplp.` before its name."""

    name: str
    kind: Kind
    default: str
    meaning: str


EDITOR_SETTINGS: tuple[EditorSetting, ...] = (
    EditorSetting(
        "trusted",
        "boolean",
        "not set",
        "Whether plans may start processes. Not set: the user's own list decides (`mplp-lsp trust DIR`).",
    ),
    EditorSetting(
        "validation.maxFindings",
        "number",
        "1000",
        "How many findings of one document are shown; errors come first.",
    ),
    EditorSetting(
        "inlayHints.ids", "boolean", "true", "Whether ids are followed by the name of what they point to."
    ),
    EditorSetting(
        "files.associations",
        "object",
        "{}",
        'Which files are of which kind, by glob: `{"plans/*.json": "plan"}`. Overrules names and contents.',
    ),
    EditorSetting(
        "files.exclude",
        "list or object",
        "[]",
        'Globs of files that are never ours: `["**/fixtures/**"]` or `{"**/fixtures/**": true}`.',
    ),
)
BY_NAME = {setting.name: setting for setting in EDITOR_SETTINGS}

CLIENT_ONLY = frozenset({"server.path", "trace.reveal", "trace.server", "runNotifications"})
"""What our extensions read for themselves, and `initializationOptions` that are no settings."""


def flat(settings: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Name and value of each setting; clients nest them, or write the dots into the key."""
    stack: list[tuple[str, object]] = [("", settings)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Mapping) and (name not in BY_NAME and name not in CLIENT_ONLY):
            stack.extend((f"{name}.{key}" if name else str(key), inner) for key, inner in value.items())
        elif name:
            yield name, value


def setting_complaints(settings: Mapping[str, object]) -> list[str]:
    """One sentence for each setting that nobody knows or whose value does not fit, in alphabetical order."""
    return sorted(filter(None, (_complaint(name, value) for name, value in flat(settings))))


def _complaint(name: str, value: object) -> str | None:
    if name in CLIENT_ONLY or value is None:
        return None
    setting = BY_NAME.get(name)
    if setting is None:
        meant = nearest(name, BY_NAME)
        hint = f" Did you mean `{SECTION}.{meant}`?" if meant else ""
        return f"There is no setting `{SECTION}.{name}`; it is ignored.{hint}"
    if fits(setting, value):
        return None
    return f"The setting `{SECTION}.{name}` is {_WORDS[setting.kind]}; what is there is ignored."


def fits(setting: EditorSetting, value: object) -> bool:
    """Whether a value is of the setting's kind; VS Code writes globs as an object of true and false."""
    if setting.kind == "boolean":
        return isinstance(value, bool)
    if setting.kind == "number":
        return isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if setting.kind == "object":
        return isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())
    if isinstance(value, Mapping):
        return all(isinstance(each, bool) for each in value.values())
    return isinstance(value, list) and all(isinstance(each, str) for each in value)
