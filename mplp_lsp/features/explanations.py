"""The way from a finding to why its rule fired: one action per code, in every editor that has a menu."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import diagnostic
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot

EXPLAIN_KIND = "mplp.explain"
"""A kind of our own: it changes nothing, so it must not stand among what can be applied unseen."""

_MOST = 8
# Our extension for it shows the answer of the command itself.
_SHOWS_ITSELF = "Visual Studio Code"


def explanations(
    snapshot: Snapshot, document: Document, uri: str, here: Iterable[Located]
) -> Iterator[types.CodeAction | types.Command]:
    """One action for each code found at the asked place, in the order of the text."""
    first = {found.finding.code: found for found in reversed(list(here))}
    in_order = sorted(first.values(), key=lambda found: found.start)
    for found in in_order[:_MOST]:
        code = found.finding.code
        parts = (str(part).replace("~", "~0").replace("/", "~1") for part in found.finding.place.pointer)
        argument: dict[str, object] = {
            "uri": uri,
            "code": code,
            "pointer": "".join(f"/{part}" for part in parts),
            "show": not snapshot.client.name.startswith(_SHOWS_ITSELF),
        }
        title = f"MPLP: Explain `{code}`"
        command = types.Command(title=title, command="mplp.explain", arguments=[argument])
        if not snapshot.client.code_action_literals:
            yield command
            continue
        shown = diagnostic(snapshot, document, found)
        yield types.CodeAction(title=title, kind=EXPLAIN_KIND, diagnostics=[shown], command=command)
