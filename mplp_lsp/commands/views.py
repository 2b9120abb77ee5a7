"""Texts made for a person to look at: as a virtual document, else as a read-only file, else as the answer.

Clients that announce `workspace.textDocumentContent` open our own URIs. For the others a file is written to
`.mplp/views/`, where the state of the project is kept anyway (D23); where nothing may be kept, nothing is.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_lsp.commands.services import Services
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.errors import MplpError
from mplp_runtime.trace.files import write_atomically

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime

VIEWS = "views"


async def shown_view(
    services: Services, snapshot: Snapshot, text: str, *, virtual_uri: str | None, file_name: str | None
) -> dict[str, Any]:
    """Opens `text` in the editor; what was opened as `uri` (None where nothing could be) and `shown`.

    `virtual_uri` is None for a text that the server could not make again from its URI, `file_name` for one
    that must not be on the disk as it is.
    """
    if virtual_uri is not None and snapshot.client.text_document_content:
        return {"uri": virtual_uri, "shown": await services.show_document(virtual_uri)}
    root = snapshot.root
    if not snapshot.client.show_document or root is None or file_name is None:
        return {"uri": None, "shown": False}
    path = await _kept(services, root, file_name, text)
    if path is None:
        return {"uri": None, "shown": False}
    uri = uri_of(path)
    return {"uri": uri, "shown": await services.show_document(uri)}


async def _kept(services: Services, root: Path, name: str, text: str) -> Path | None:
    """The file that holds `text`; None where the project keeps no state, or its folder takes nothing."""

    async def written(runtime: Runtime) -> Path | None:
        if runtime.folder is None:
            return None
        path = runtime.folder / VIEWS / name.replace("/", "_").replace(os.sep, "_")
        if path.parent.is_symlink() or path.is_symlink():
            return None
        try:
            write_atomically(path, [text], folders=False)
        except MplpError as error:
            services_log.append(str(error))
            return None
        # What is made anew at the next look is not for editing.
        with suppress(OSError):
            path.chmod(0o444)
        return path

    services_log: list[str] = []
    path = await services.on_runtime(root, written)
    for problem in services_log:
        services.log(problem, level="warning")
    return path
