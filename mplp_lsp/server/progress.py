"""Work-done progress that never holds anything up (language-server.md 9.15, P14).

String tokens; the create request is never awaited by the work; nothing is sent before the client has answered
it; the end is always sent, once; the token is forgotten. Without the capability nothing is sent at all.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from mplp_lsp.server.protocol import SessionProtocol


class Progress:
    """The progress bars of one session."""

    def __init__(self, protocol: SessionProtocol, *, is_shown: bool) -> None:
        self._protocol = protocol
        self._is_shown = is_shown
        self._bars: dict[str, Bar] = {}

    def bar(
        self,
        token: str,
        title: str,
        *,
        cancellable: bool = False,
        on_cancel: Callable[[], None] | None = None,
    ) -> Bar:
        """A new bar; a token that is in use gets a number behind it."""
        unique, number = token, 2
        while unique in self._bars:
            unique, number = f"{token}-{number}", number + 1
        bar = Bar(self, unique, title, cancellable=cancellable, on_cancel=on_cancel)
        if self._is_shown:
            self._bars[unique] = bar
            bar.create(self._protocol)
        return bar

    def cancel(self, token: object) -> None:
        """`window/workDoneProgress/cancel`; unknown tokens are ended bars or noise."""
        bar = self._bars.get(token) if isinstance(token, str) else None
        if bar is not None and bar.on_cancel is not None:
            bar.on_cancel()

    def forget(self, token: str) -> None:
        """Called by a bar that has ended."""
        self._bars.pop(token, None)

    @property
    def tokens(self) -> frozenset[str]:
        """Bars that have not ended."""
        return frozenset(self._bars)

    def send(self, token: str, value: dict[str, object], *, droppable: bool = False) -> None:
        self._protocol.notify("$/progress", {"token": token, "value": value}, droppable=droppable)


class Bar:
    """One bar. `waiting` until the client has accepted the token, then `shown`, in the end `over`."""

    def __init__(
        self,
        owner: Progress,
        token: str,
        title: str,
        *,
        cancellable: bool,
        on_cancel: Callable[[], None] | None,
    ) -> None:
        self.token = token
        self.on_cancel = on_cancel
        self._owner = owner
        self._title = title
        self._cancellable = cancellable
        self._state = "hidden"
        self._message: str | None = None
        self._percentage: int | None = None

    def create(self, protocol: SessionProtocol) -> None:
        """Asks the client for the token; answers are taken on the loop, where responses are handled."""
        self._state = "waiting"
        answer = protocol.send_request("window/workDoneProgress/create", {"token": self.token})
        answer.add_done_callback(
            lambda done: self._created(accepted=not done.cancelled() and done.exception() is None)
        )

    def report(self, message: str, *, percentage: int | None = None) -> None:
        if message == self._message and percentage == self._percentage:
            return
        self._message, self._percentage = message, percentage
        if self._state == "shown":
            self._owner.send(self.token, {"kind": "report", **self._content()}, droppable=True)

    def end(self, message: str | None = None) -> None:
        """Safe to call twice."""
        if self._state == "shown":
            self._owner.send(self.token, {"kind": "end", **({"message": message} if message else {})})
        self._state = "over"
        self._owner.forget(self.token)

    def _created(self, *, accepted: bool) -> None:
        if self._state != "waiting":
            return
        if not accepted:
            self._state = "hidden"
            return
        self._state = "shown"
        begin = {"kind": "begin", "title": self._title, "cancellable": self._cancellable, **self._content()}
        # LSP: a bar that is to show percentages must begin with one.
        begin.setdefault("percentage", 0)
        self._owner.send(self.token, begin)

    def _content(self) -> dict[str, object]:
        content: dict[str, object] = {}
        if self._message is not None:
            content["message"] = self._message
        if self._percentage is not None:
            content["percentage"] = max(0, min(100, self._percentage))
        return content

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()
