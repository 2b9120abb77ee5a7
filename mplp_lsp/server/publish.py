"""Diagnostics on their way to the client, by push or by pull, never by both (architecture 6).

Nothing is sent twice; an older result never replaces a newer one, because results come here in the order of
the documents' versions; what is no longer ours, or gone, is cleared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mplp_lsp.server.encoded import with_member
from mplp_lsp.server.protocol import SessionProtocol
from mplp_lsp.text.uris import key_of

NO_ITEMS = b"[]"
_BEFORE_IT_WAS_OPENED = -1
"""Stands for the version of what was sent about an earlier text: no text of an editor has it."""


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one document as they are sent, and an id that changes with them.

    `encoded` is the JSON array: a thousand findings take long to encode, so that is done where they are made.
    """

    uri: str
    version: int | None
    encoded: bytes
    result_id: str

    @property
    def is_empty(self) -> bool:
        return self.encoded == NO_ITEMS


def report_of(uri: str, version: int | None, encoded: bytes) -> Report:
    """A report of diagnostics that are JSON already, with an id that is the same for the same findings."""
    return Report(uri, version, encoded, hashlib.blake2b(encoded, digest_size=12).hexdigest())


class Publisher:
    """The newest report of each document, and what the client was told."""

    def __init__(self, protocol: SessionProtocol, *, pulls: bool, ask_again: Callable[[], None]) -> None:
        self._protocol = protocol
        self._pulls = pulls
        self._ask_again = ask_again
        self._reports: dict[str, Report] = {}
        self._told: dict[str, tuple[str, int | None, str]] = {}

    def report(self, uri: str) -> Report | None:
        """The newest report of a document."""
        return self._reports.get(key_of(uri))

    @property
    def reports(self) -> dict[str, Report]:
        """All reports by key, also empty ones."""
        return dict(self._reports)

    def put(self, report: Report, *, because_of_itself: bool = True) -> None:
        """A new report. `because_of_itself` is False where another document, or a run, is the reason.

        A client that pulls asks for the document it edits by itself; for anything else it must be told to.
        """
        key = key_of(report.uri)
        before = self._reports.get(key)
        self._reports[key] = report
        if self._pulls:
            if not because_of_itself and (before is None or before.result_id != report.result_id):
                self._ask_again()
            return
        self._push(key, report)

    def opened(self, uri: str) -> None:
        """Whatever the client was told about the document before, it is told again.

        Editors forget the findings of a text they reload, and between the two nothing may have been sent.
        """
        told = self._told.get(key_of(uri))
        if told is not None:
            self._told[key_of(uri)] = (told[0], _BEFORE_IT_WAS_OPENED, told[2])

    def outdate(self, uri: str) -> None:
        """The report no longer holds; it is made again when the client asks."""
        if self._reports.pop(key_of(uri), None) is not None:
            self._ask_again()

    def clear(self, uri: str) -> None:
        """The document is gone, or no longer ours."""
        key = key_of(uri)
        known = self._reports.pop(key, None)
        if self._pulls:
            if known is not None and not known.is_empty:
                self._ask_again()
            return
        told = self._told.pop(key, None)
        if told is not None and told[2]:
            self._send(told[0], None, NO_ITEMS)

    def _push(self, key: str, report: Report) -> None:
        told = self._told.get(key)
        shown = "" if report.is_empty else report.result_id
        now = (report.uri, report.version, shown)
        if told == now or (told is None and not shown and report.version is None):
            return
        if told is not None and told[0] != report.uri and told[2]:
            # The client spells the same file differently now; what it shows under the old name must go.
            self._send(told[0], None, NO_ITEMS)
        self._told[key] = now
        self._send(report.uri, report.version, report.encoded)

    def _send(self, uri: str, version: int | None, encoded: bytes) -> None:
        head: dict[str, Any] = {"uri": uri, **({"version": version} if version is not None else {})}
        self._protocol.notify("textDocument/publishDiagnostics", with_member(head, "diagnostics", encoded))
