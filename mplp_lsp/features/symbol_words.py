"""How documents and their parts are called where editors list them: a name, a detail, and an icon."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lsprotocol import types

LONGEST_NAME = 100

# Chosen for the icons: what holds others looks like a container, what runs looks like a function.
SYMBOL_KINDS: Mapping[str, types.SymbolKind] = {
    "context": types.SymbolKind.Namespace,
    "plan": types.SymbolKind.Class,
    "confirm": types.SymbolKind.Event,
    "trace": types.SymbolKind.Module,
    "role": types.SymbolKind.Interface,
    "extension": types.SymbolKind.Package,
    "dialog": types.SymbolKind.Object,
    "collab": types.SymbolKind.Object,
    "core": types.SymbolKind.Package,
    "network": types.SymbolKind.Object,
    "settings": types.SymbolKind.File,
    "step": types.SymbolKind.Function,
    "event": types.SymbolKind.Event,
    "timeline": types.SymbolKind.File,
    "sample": types.SymbolKind.Object,
    "decision": types.SymbolKind.Event,
    "segment": types.SymbolKind.Function,
    "participant": types.SymbolKind.Interface,
    "node": types.SymbolKind.Object,
    "module": types.SymbolKind.Module,
    "message": types.SymbolKind.String,
}
OTHER = types.SymbolKind.Object

_NAMES: Mapping[str, tuple[str, ...]] = {
    "step": ("description", "step_id"),
    "segment": ("label", "segment_id"),
    "decision": ("decided_by_role", "decision_id"),
    "participant": ("display_name", "participant_id"),
    "node": ("name", "node_id"),
    "module": ("module_id",),
    "message": ("content", "role"),
    "event": ("event_type", "event_id"),
}
_DETAILS: Mapping[str, tuple[str, ...]] = {
    "step": ("status", "agent_role"),
    "segment": ("status",),
    "decision": ("status", "reason"),
    "participant": ("kind", "role_id"),
    "node": ("kind", "status"),
    "module": ("status", "version"),
    "message": ("role",),
    "event": ("timestamp",),
}
_OF_DOCUMENTS = (
    "title",
    "name",
    "sample_family",
    "event_type",
    "file_path",
    "ref_name",
    "pipeline_id",
    "tool_id",
)


def kind_of_symbol(kind: str) -> types.SymbolKind:
    """The icon of a document or a part of one."""
    return SYMBOL_KINDS.get(kind, OTHER)


def name_of_part(kind: str, value: object) -> str | None:
    """What people call an entry of a list; None where it says nothing to call it by."""
    members = value if isinstance(value, dict) else {}
    return next((named for key in _NAMES.get(kind, ()) if (named := _shown(members.get(key)))), None)


def detail_of_part(kind: str, value: object) -> str | None:
    """A few words beside the name: how it stands, who does it."""
    members: Mapping[str, Any] = value if isinstance(value, dict) else {}
    said = [shown for key in _DETAILS.get(kind, ()) if (shown := _shown(members.get(key)))]
    return " · ".join(said) or None


def named_by(kind: str, value: object) -> str | None:
    """The member that `name_of_part` takes the name from."""
    members = value if isinstance(value, dict) else {}
    return next((key for key in _NAMES.get(kind, ()) if _shown(members.get(key))), None)


def name_of_document(kind: str, header: object, own_id: str | None, file_name: str) -> str:
    """The title, else the name, else the beginning of the id, else the name of the file."""
    member = document_named_by(header)
    if member is not None and isinstance(header, dict):
        return _shown(header[member]) or file_name
    return f"{kind} {own_id[:8]}" if own_id else file_name


def document_named_by(header: object) -> str | None:
    """The member that a document's name is taken from; None where it has to be made up."""
    members = header if isinstance(header, dict) else {}
    return next((key for key in _OF_DOCUMENTS if _shown(members.get(key))), None)


def detail_of_document(kind: str, header: object, own_id: str | None) -> str:
    """Kind, status and the beginning of the id."""
    members = header if isinstance(header, dict) else {}
    said = [kind, _shown(members.get("status")), own_id[:8] if own_id else None]
    return " · ".join(word for word in said if word)


def _shown(value: object) -> str | None:
    """A text on one line and not too long; None for what is blank or no text."""
    if not isinstance(value, str):
        return None
    line = " ".join(value.split()) if not value.isprintable() else value.strip()
    return line if len(line) <= LONGEST_NAME else line[: LONGEST_NAME - 1] + "…"
