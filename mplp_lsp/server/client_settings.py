"""Settings as they come from the client: pushed, or pulled for each project; odd ones are told once."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from mplp_lsp.commands.editor_settings import SECTION
from mplp_lsp.server.configuration import complaints
from mplp_lsp.server.messages import RequestError
from mplp_lsp.text.uris import uri_of

if TYPE_CHECKING:
    from mplp_lsp.server.desk import Desk

logger = logging.getLogger(__name__)


class ClientSettings:
    """Takes over what the user sets, for all projects or for one (LSP 3.17, workspace/configuration)."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told: set[str] = set()

    def begin(self, options: object) -> None:
        """`initializationOptions`, before any document is known."""
        self._tell(options)
        self._desk.bench.configure(options)

    def pushed(self, settings: object) -> None:
        """`workspace/didChangeConfiguration`: the values, or only the news that there are some."""
        if settings:
            self._take(settings, None)
        if self._desk.session.client.answers_configuration:
            self.ask()

    def ask(self) -> None:
        """Reads everything anew, in the background."""
        self._desk.session.spawn(self._pull(), "reading settings")

    async def _pull(self) -> None:
        roots: list[Path | None] = [None, *self._desk.bench.roots]
        items = [
            {"section": SECTION} if root is None else {"scopeUri": uri_of(root), "section": SECTION}
            for root in roots
        ]
        try:
            answer = await self._desk.session.protocol.ask("workspace/configuration", {"items": items})
        except RequestError as error:
            logger.info("The client's settings cannot be read: %s", error.message)
            return
        if isinstance(answer, list):
            for root, settings in zip(roots, answer, strict=False):
                self._take(settings, root)

    def _take(self, settings: object, root: Path | None) -> None:
        self._tell(settings)
        desk = self._desk
        rules_before = desk.bench.workspace.rules_of(root)
        updates = desk.bench.configure(settings, root)
        if updates is None:
            return
        desk.documents_changed(updates)
        if desk.bench.workspace.rules_of(root) != rules_before:
            # Files that were foreign under the old globs are found by looking again.
            desk.watching.start()
        desk.trust_changed()

    def _tell(self, settings: object) -> None:
        for complaint in complaints(settings):
            if complaint not in self._told:
                self._told.add(complaint)
                self._desk.services.log(complaint, level="warning")
