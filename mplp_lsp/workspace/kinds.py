"""Which of the editor's documents are ours: what its settings and language ids say about that.

Where they say nothing, `mplp_runtime.kinds` decides, as it does for programs without an editor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath

from mplp_lsp.workspace.globs import matches
from mplp_runtime.kinds import FOREIGN, KINDS, ByName, by_content, by_path, decided

LANGUAGE_PREFIX = "mplp-"


@dataclass(frozen=True, slots=True)
class FileRules:
    """What the user says about files: `mplp.files.associations` (glob to kind) and `mplp.files.exclude`."""

    associations: tuple[tuple[str, str], ...] = ()
    exclude: tuple[str, ...] = ()

    @staticmethod
    def of(associations: Mapping[str, str], exclude: Iterable[str]) -> FileRules:
        """Unknown kinds are left out, because settings are typed by hand; the server reports them."""
        return FileRules(
            tuple((glob, kind) for glob, kind in associations.items() if kind in KINDS), tuple(exclude)
        )

    def excludes(self, relative_path: str) -> bool:
        return any(matches(glob, relative_path) for glob in self.exclude)

    def associated(self, relative_path: str) -> str | None:
        """The kind of the first glob that matches, in the order they were written."""
        return next((kind for glob, kind in self.associations if matches(glob, relative_path)), None)


NO_RULES = FileRules()


def by_name(path: PurePath, rules: FileRules = NO_RULES, root: PurePath | None = None) -> ByName:
    """The verdict of the name; `root` is the folder that the user's globs are relative to."""
    told = by_rules(_relative(path, root), rules) if rules != NO_RULES else None
    return told or by_path(path)


def by_rules(relative_path: str, rules: FileRules) -> ByName | None:
    """What the user's globs say about a file; None where they say nothing."""
    if rules.excludes(relative_path):
        return FOREIGN
    associated = rules.associated(relative_path)
    return None if associated is None else ByName(associated)


def kind_of(
    path: PurePath | None,
    header: object = None,
    associations: FileRules = NO_RULES,
    *,
    root: PurePath | None = None,
    language_id: str = "",
    has_ours_beside: Callable[[], bool] = lambda: False,
) -> str | None:
    """The kind of a document, or None where it is not ours (architecture: which documents are ours).

    `header` is the top of the document (None or `{}` while it is empty). `has_ours_beside` says whether the
    folder holds other MPLP documents; it is asked only for an empty `<kind>.json`. A document without a file
    (`untitled:`) is judged by its language id, else by its content.
    """
    if path is None:
        return _by_language(language_id) or by_content(header)
    return decided(by_name(path, associations, root), header, has_ours_beside)


def _by_language(language_id: str) -> str | None:
    word = language_id.removeprefix(LANGUAGE_PREFIX)
    return word if word != language_id and word in KINDS else None


def _relative(path: PurePath, root: PurePath | None) -> str:
    if root is not None:
        try:
            return path.relative_to(root).as_posix()
        except ValueError:
            pass
    return path.as_posix().lstrip("/")
