"""Go to definition: from an id or a role's name to where it is declared."""

from __future__ import annotations

from lsprotocol import types

from mplp_lsp.analysis.names import declarations_of, name_at, uses_of
from mplp_lsp.features.named_places import Found, links, locations, range_of_name
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.names import ROLE_NAME, Name


def definition(
    snapshot: Snapshot, document: Document, offset: int, _params: types.DefinitionParams
) -> list[types.LocationLink] | list[types.Location] | None:
    """Where the name at `offset` is declared, the nearest document first; None where no name stands.

    At a declaration: the others, if there are any, else itself, which editors take as "show who uses it".
    """
    name = name_at(document, offset)
    if name is None:
        return None
    found = _targets(snapshot, document, name)
    if not found:
        return None
    if snapshot.client.link_support:
        return links(snapshot, found, range_of_name(snapshot, document, name))
    return locations(snapshot, found)


def _targets(snapshot: Snapshot, document: Document, name: Name) -> Found:
    declared = declarations_of(snapshot, name, document)
    others = [pair for pair in declared if not (pair[0].uri == document.uri and pair[1] == name)]
    if name.part == "key" and name.kind == ROLE_NAME:
        # From a role of mplp.toml to the steps it stands for.
        others += [pair for pair in uses_of(snapshot, name, document) if pair[0].kind == "plan"]
    return sorted(others or declared, key=lambda pair: _strangeness(document.uri, pair[0].uri))


def _strangeness(here: str, there: str) -> int:
    """How many folders lie between two documents; of several declarations the nearest counts."""
    own, other = here.split("/")[:-1], there.split("/")[:-1]
    shared = 0
    for one, another in zip(own, other, strict=False):
        if one != another:
            break
        shared += 1
    return len(own) + len(other) - 2 * shared
