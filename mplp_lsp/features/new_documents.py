"""Actions that write what a document asks for and nobody has written yet: a Confirm, a Role, a binding."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.json_edits import value_at
from mplp_lsp.features.offers import Offer
from mplp_lsp.features.places import STEPS, steps_between
from mplp_lsp.features.step_refactorings import free_uri
from mplp_lsp.features.workspace_edits import Change, can_create
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.kinds import SETTINGS
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.facts import OWN_ID
from mplp_runtime.rules.habits import SUPPORTED_VERSION
from mplp_runtime.sources import timestamp

NEW_KIND = "mplp.new"
"""A kind of our own below `mplp`, as LSP has none for writing further documents."""

_META = {"protocol_version": SUPPORTED_VERSION, "schema_version": SUPPORTED_VERSION}
_CONFIRMED = frozenset({"context", "trace", "extension"})
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_NO_NAME = re.compile(r"[^a-z0-9]+")


def new_documents(snapshot: Snapshot, document: Document, start: int, end: int) -> Iterator[Offer]:
    """What can be written for this document, and for the roles of the steps between these offsets."""
    yield from _new_confirm(snapshot, document)
    for role, step_id in _roles_between(document, start, end).items():
        yield from _new_role(snapshot, document, role)
        yield from _bindings(snapshot, role, step_id)


def _new_confirm(snapshot: Snapshot, document: Document) -> Iterator[Offer]:
    """For what has no command of its own: a plan's Confirm is written by proposing the plan (D18)."""
    header = document.tree.header if document.tree is not None else None
    target = (
        header.get(OWN_ID[document.kind])
        if document.kind in _CONFIRMED and isinstance(header, dict)
        else None
    )
    if not isinstance(target, str) or not is_id(target) or not _can_create_beside(snapshot, document):
        return
    if any(facts.kind == "confirm" for facts in snapshot.index.referring(target)):
        return

    def made() -> Change:
        confirm = {
            "meta": _META,
            "confirm_id": fresh_uuid(document, 0),
            "target_type": document.kind,
            "target_id": target,
            "status": "pending",
            "requested_by_role": "human",
            "requested_at": timestamp(snapshot.taken_at),
        }
        return Change((), {free_uri(snapshot, document, "", "confirm"): _written(confirm)})

    yield Offer(f"New Confirm for this {document.kind}", NEW_KIND, made)


def _can_create_beside(snapshot: Snapshot, document: Document) -> bool:
    """A text that was never saved has no folder in which something could be made."""
    return document.path is not None and can_create(snapshot.client)


def _roles_between(document: Document, start: int, end: int) -> dict[str, str]:
    """The roles of these steps, each with the id of the first step that has it."""
    if document.kind != "plan" or document.tree is None:
        return {}
    found: dict[str, str] = {}
    for index, step_id in steps_between(document, start, end):
        role = value_at(document.tree, (STEPS, index, "agent_role"))
        if isinstance(role, str) and role.strip():
            found.setdefault(role, step_id)
    return found


def _new_role(snapshot: Snapshot, document: Document, role: str) -> Iterator[Offer]:
    known = {name for facts in snapshot.index.documents("role") for name in (facts.title, facts.id)}
    if role in known or not _can_create_beside(snapshot, document):
        return

    def made() -> Change:
        folder = document.uri.rpartition("/")[0]
        slug = _NO_NAME.sub("-", role.lower()).strip("-") or "new"
        taken = snapshot.document(f"{folder}/{slug}.role.json") is not None
        uri = free_uri(snapshot, document, slug, "role") if taken else f"{folder}/{slug}.role.json"
        value = {"meta": _META, "role_id": fresh_uuid(document, len(role)), "name": role, "capabilities": []}
        return Change((), {uri: _written(value)})

    yield Offer(f"New Role document for `{role}`", NEW_KIND, made, key=role)


def _bindings(snapshot: Snapshot, role: str, step_id: str) -> Iterator[Offer]:
    settings = snapshot.settings
    if settings is not None and (role in settings.roles or step_id in settings.steps):
        return
    if snapshot.root is None:
        return
    held = next(
        (
            found
            for facts in snapshot.index.documents(SETTINGS)
            if (found := snapshot.document(facts.uri)) is not None
        ),
        None,
    )
    if held is None and not can_create(snapshot.client):
        return
    # Settings with faults are no settings, but what is written there counts all the same.
    bound = held.toml.value.get("roles") if held is not None and held.toml is not None else None
    if isinstance(bound, dict) and role in bound:
        return
    heading = role if _BARE_KEY.match(role) else json.dumps(role, ensure_ascii=False)
    for what, lines in (
        ("a person, who is asked", 'action = "agent_handoff"\nto = "human"\n'),
        ("a command, to be filled in", 'action = "tool_call"\ncommand = []\n'),
    ):
        table = f"[roles.{heading}]\n{lines}"
        refusal = None if held is None else _cannot_take(held, table)
        make = partial(_bound, snapshot, held, table)
        yield Offer(f"Bind `{role}` in mplp.toml to {what}", NEW_KIND, make, key=role, refusal=refusal)


def _bound(snapshot: Snapshot, settings: Document | None, table: str) -> Change | None:
    if settings is None:
        return None if snapshot.root is None else Change((), {uri_of(snapshot.root / "mplp.toml"): table})
    return Change([(settings, [_appended(settings, table)])])


def _cannot_take(settings: Document, table: str) -> str | None:
    """Why the table cannot stand at the end of mplp.toml; None where it can."""
    if settings.is_broken:
        return "`mplp.toml` cannot be read. Repair it first."
    text = settings.text.edited(*_appended(settings, table))
    if TomlTree.parse(text).problems:
        return "`roles` in `mplp.toml` is written in a way that nothing can be added to at its end."
    return None


def _appended(settings: Document, table: str) -> Edit:
    text, at = settings.text, settings.text.length
    line_end = "\r\n" if "\r\n" in text.slice(0, at) else "\n"
    tail = text.slice(max(0, at - 2), at)
    gap = "" if not text.slice(0, at).strip() else (line_end if tail.endswith(("\n", "\r")) else line_end * 2)
    return Edit(at, at, gap + table.replace("\n", line_end))


def _written(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
