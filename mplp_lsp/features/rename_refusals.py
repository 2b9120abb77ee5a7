"""What must not be renamed, and what nothing may be renamed to: each told in one sentence."""

from __future__ import annotations

import json

from mplp_lsp.analysis.name_places import tree_of
from mplp_lsp.analysis.names import declarations_of
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError
from mplp_runtime.kinds import STATE_FOLDER, TIMELINE
from mplp_runtime.rules.explain import explain_uuid, is_id
from mplp_runtime.rules.names import ROLE_NAME, Name

_TELLING = frozenset({TIMELINE, "event", "file-update", "git", "ci", "tool", "sample"})
_FREE_TEXTS = frozenset({ROLE_NAME, "participant"})
_HUMAN_MEMBERS = ("title", "name", "description", "label", "display_name")


def is_history(document: Document) -> bool:
    """Whether a document tells what happened, so that no rename may change it."""
    if document.kind in _TELLING:
        return True
    return document.path is not None and STATE_FOLDER in document.path.parts


def refuse_name(document: Document, name: Name) -> None:
    """Raises MplpError where the name at this place must stay as it is."""
    if document.kind == TIMELINE:
        raise MplpError("A timeline tells what happened and is never changed; rename where it is declared.")
    if is_history(document):
        raise MplpError(
            "This document tells what happened and is never changed; rename where it is declared."
        )
    if name.kind == "module":
        raise MplpError("The names of modules are fixed by the protocol.")


def refuse_new_text(snapshot: Snapshot, document: Document, name: Name, text: str) -> None:
    """Raises MplpError where `name` cannot become `text`."""
    if name.kind in _FREE_TEXTS:
        _refuse_free_text(name, text)
    elif not is_id(text):
        if not text.strip():
            raise MplpError("The new id is empty; ids are UUIDs of version 4 in lower case.")
        raise MplpError(f"{_quoted(text)} {explain_uuid(text).reason}.")
    _refuse_taken(snapshot, document, name, text)


def _refuse_free_text(name: Name, text: str) -> None:
    thing = "role" if name.kind == ROLE_NAME else "participant"
    if not text.strip():
        raise MplpError(f"The new name of the {thing} is empty.")
    if not text.isprintable():
        raise MplpError(f"The name of a {thing} is one line of printable text.")
    if text != text.strip():
        raise MplpError(f"The new name of the {thing} starts or ends with a blank.")
    if name.kind == ROLE_NAME and is_id(text):
        raise MplpError("A role's name that looks like an id would be taken for the id of a Role document.")


def _refuse_taken(snapshot: Snapshot, document: Document, name: Name, text: str) -> None:
    wanted = Name(name.kind, text, (), is_declaration=False)
    # Ids are unique whatever they are ids of; a role may be called as a participant is.
    taken = [
        (other, found)
        for other, found in declarations_of(snapshot, wanted, document)
        if found.kind == name.kind or name.kind not in _FREE_TEXTS
    ]
    if taken:
        other, found = taken[0]
        file = other.uri.rpartition("/")[2]
        title = _title(other, found)
        thing = "role" if found.kind == ROLE_NAME else found.kind
        called = f" {_quoted(title)}" if title else ""
        raise MplpError(f"{_quoted(text)} is taken by the {thing}{called} in `{file}`.")


def _title(document: Document, name: Name) -> str | None:
    """What people call the thing with this id; None where it is called nothing else."""
    if name.kind in _FREE_TEXTS or is_history(document):
        return None
    tree = tree_of(document)
    around = value_at(tree, name.pointer[:-1]) if tree is not None else None
    members = around if isinstance(around, dict) else {}
    titles = (members.get(member) for member in _HUMAN_MEMBERS)
    return next((title for title in titles if isinstance(title, str) and title.strip()), None)


def _quoted(text: str) -> str:
    """Between backticks; signs that would break a line are spelled out."""
    return f"`{text if text.isprintable() else json.dumps(text)[1:-1]}`"
