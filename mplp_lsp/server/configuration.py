"""What the user has set: `mplp.*` settings and `initializationOptions`. Odd values leave what was there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from mplp_lsp.commands.editor_settings import SECTION, setting_complaints
from mplp_lsp.server.capabilities import at
from mplp_lsp.workspace.kinds import NO_RULES, FileRules

DEFAULT_MAX_FINDINGS = 1_000


@dataclass(frozen=True, slots=True)
class Options:
    """`trusted` is the client's word; None means that it said nothing (D25)."""

    rules: FileRules = NO_RULES
    max_findings: int = DEFAULT_MAX_FINDINGS
    shows_id_hints: bool = True
    trusted: bool | None = None


def configured(options: Options, settings: object) -> Options:
    """`options` after settings came, with or without the `mplp` level around them."""
    found = _ours(settings)
    trusted = found.get("trusted")
    count = at(found, "validation.maxFindings")
    id_hints = at(found, "inlayHints.ids")
    return replace(
        options,
        rules=_rules(found, options.rules),
        max_findings=count
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0
        else options.max_findings,
        shows_id_hints=id_hints if isinstance(id_hints, bool) else options.shows_id_hints,
        trusted=trusted if isinstance(trusted, bool) else options.trusted,
    )


def complaints(settings: object) -> list[str]:
    """What is wrong with settings as the client sent them, a sentence each."""
    return setting_complaints(_ours(settings))


def _ours(settings: object) -> Mapping[str, Any]:
    """With or without the `mplp` level around them; whatever is no object says nothing."""
    inner = at(settings, SECTION)
    found = inner if isinstance(inner, Mapping) else settings
    return found if isinstance(found, Mapping) else {}


def _rules(settings: Mapping[str, Any], before: FileRules) -> FileRules:
    files = settings.get("files")
    if not isinstance(files, Mapping):
        return before
    associations, exclude = files.get("associations"), files.get("exclude")
    return FileRules.of(
        {str(glob): str(kind) for glob, kind in associations.items()}
        if isinstance(associations, Mapping)
        else dict(before.associations),
        _globs(exclude, before.exclude),
    )


def _globs(exclude: object, before: tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(exclude, Mapping):
        # VS Code's form: {"**/old/**": true}.
        return tuple(str(glob) for glob, is_on in exclude.items() if is_on is True)
    if isinstance(exclude, list):
        return tuple(glob for glob in exclude if isinstance(glob, str))
    return before
