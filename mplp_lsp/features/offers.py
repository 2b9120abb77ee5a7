"""What a code action is before it is asked for in full: a title, and a way to make its edit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lsprotocol import types

from mplp_lsp.features.workspace_edits import Change, workspace_edit
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import ClientView, Snapshot

REWRITE = "refactor.rewrite"
"""LSP's kind for what changes a text in place (LSP 3.17, CodeActionKind)."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One action. `make` is called when the client wants the edit; `refusal` says why there is none.

    `key` tells offers of the same title at one range apart (the finding they mend).
    """

    title: str
    kind: str
    make: Callable[[], Change | None]
    key: str = ""
    refusal: str | None = None
    is_preferred: bool = False
    diagnostic: types.Diagnostic | None = None


def is_lazy(client: ClientView) -> bool:
    """Whether the client asks for an edit only when the user has chosen."""
    return client.code_action_data and "edit" in client.code_action_resolve


def action_of(
    snapshot: Snapshot, document: Document, offer: Offer, where: tuple[int, int]
) -> types.CodeAction | None:
    """The action as the client can take it; None where it cannot, or where nothing would change.

    A lazy one carries in `data` all that `resolved` needs to find the same offer again.
    """
    action = types.CodeAction(
        title=offer.title,
        kind=offer.kind,
        diagnostics=[offer.diagnostic] if offer.diagnostic is not None else None,
        is_preferred=True if offer.is_preferred and snapshot.client.code_action_preferred else None,
    )
    if offer.refusal is not None:
        if not snapshot.client.code_action_disabled:
            return None
        action.disabled = types.CodeActionDisabled(reason=offer.refusal)
        return action
    if is_lazy(snapshot.client):
        action.data = {
            "uri": document.uri,
            "version": document.version,
            "start": where[0],
            "end": where[1],
            "title": offer.title,
            "key": offer.key,
        }
        return action
    change = offer.make()
    if change is None:
        return None
    action.edit = workspace_edit(snapshot, change)
    return action


@dataclass(frozen=True, slots=True)
class Wanted:
    """The offer behind the `data` of a lazy action."""

    start: int
    end: int
    title: str
    key: str
    version: int | None

    @staticmethod
    def of(data: object) -> Wanted | None:
        """None for data that is not ours."""
        if not isinstance(data, Mapping):
            return None
        start, end, title, key = (data.get(name) for name in ("start", "end", "title", "key"))
        version = data.get("version")
        if not isinstance(start, int) or not isinstance(end, int) or not isinstance(title, str):
            return None
        return Wanted(start, end, title, str(key), version if isinstance(version, int) else None)
