"""Every repair of pygls' protocol layer, in one place (language-server.md 6.2, P1-P14).

P1, P2, P13: documents live in our own store; the built-in handlers that fill pygls' workspace are not called.
P3: `executeCommand` is one cancellable task, not a generator whose inner task has another id.
P4, P6: a state machine answers -32002, -32600 and `shutdown` itself, over a copy of what runs.
P5, P11: `exit` ends this session with a code; whoever owns the process decides what follows.
P7, P8: JSON first, structure second; every request id is answered exactly once.
P9: nothing runs in pygls' thread pool. P10: one object per connection. P12: no cache holds `self`.
P14: progress tokens are our own (`progress.py`).
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, Literal, Protocol

from cattrs import Converter
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from mplp_lsp.server import messages
from mplp_lsp.server.encoded import Encoded, encode, with_member
from mplp_lsp.server.framing import FramingFault
from mplp_lsp.server.greeting import is_usable
from mplp_lsp.server.messages import (
    Malformed,
    Message,
    MessageId,
    Notification,
    Request,
    RequestError,
    Response,
)
from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.params import shared_converter
from mplp_runtime.errors import MplpError

logger = logging.getLogger(__name__)

LAST_ANSWERS_S = 5.0

State = Literal["new", "running", "shutdown", "exited"]


class Endpoint(Protocol):
    """What stands behind the protocol: one session."""

    def answers(self, method: str) -> bool:
        """Whether requests of this method are served."""

    def initialize(self, params: Mapping[str, Any]) -> object:
        """The result of `initialize`; raises RequestError if the params cannot be used."""

    def request(self, method: str, params: Any) -> object | Awaitable[object]:
        """The result, at once or later. Called in the order of arrival, on the loop."""

    def notification(self, method: str, params: Any) -> None:
        """Called in the order of arrival, on the loop; must be quick."""

    def catch_up(self) -> None:
        """Does what was put off in favour of messages to come; an answer of the client comes after it."""

    async def shutdown(self) -> None:
        """Ends what the session started; bounded in time."""

    def ended(self, exit_code: int) -> None:
        """The session is over: by `exit`, by the end of input, or because the connection broke."""


class SessionProtocol(LanguageServerProtocol):
    """pygls' protocol object for one connection, with the repairs above."""

    def __init__(self, server: LanguageServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.state: State = "new"
        self.endpoint: Endpoint | None = None
        self.outbox: Outbox | None = None
        self.trace: types.TraceValue = types.TraceValue.Off
        self._answering: dict[MessageId, asyncio.Future[Any]] = {}
        self._asked: dict[MessageId, Future[Any]] = {}
        self._numbers = itertools.count(1)
        self._shutting_down: asyncio.Future[Any] | None = None
        self._ending: asyncio.Future[None] | None = None

    # P12: pygls caches these on `self`, which keeps every session alive.
    def get_message_type(  # type: ignore[override]
        self, method: str
    ) -> type[Any] | None:
        return types.METHOD_TO_TYPES.get(method, (None,))[0]

    def get_result_type(  # type: ignore[override]
        self, method: str
    ) -> type[Any] | None:
        return types.METHOD_TO_TYPES.get(method, (None, None))[1]

    # Incoming

    def receive(self, body: bytes | FramingFault) -> bool:
        """Handles one message. False if it was no JSON, so that the reader may look for the next header."""
        if isinstance(body, FramingFault):
            logger.warning("Unusable header: %s.", body.reason)
            self._refuse(None, RequestError(messages.PARSE_ERROR, f"Unusable header: {body.reason}."))
            return True
        message = messages.parse(body)
        self._dispatch(message)
        return not (isinstance(message, Malformed) and message.error.code == messages.PARSE_ERROR)

    def _dispatch(self, message: Message) -> None:
        if self.state == "exited":
            return
        if isinstance(message, Request):
            self._serve(message)
        elif isinstance(message, Notification):
            self._notice(message)
        elif isinstance(message, Response):
            self._resolve(message)
        else:
            logger.warning("Malformed message: %s", message.error.message)
            self._refuse(message.id, message.error)

    def _serve(self, request: Request) -> None:
        started = time.perf_counter()
        if request.id in self._answering:
            in_use = RequestError(messages.INVALID_REQUEST, "A request with this id is still being answered.")
            self._refuse(request.id, in_use)
            return
        try:
            result = self._begin(request)
        except Exception as error:
            self._refuse(request.id, self._as_request_error(error, request.method))
            return
        if inspect.isawaitable(result):
            task = asyncio.ensure_future(result)
            self._answering[request.id] = task
            task.add_done_callback(partial(self._finish, request, started))
        else:
            self._answer(request, result, started)

    def _begin(self, request: Request) -> object | Awaitable[object]:
        endpoint = self.endpoint
        if endpoint is None:
            raise RequestError(messages.SERVER_NOT_INITIALIZED, "The server is not ready.")
        if request.method == types.INITIALIZE and self.state in {"new", "running"}:
            return self._initialize(endpoint, request.params)
        if self.state == "new":
            raise RequestError(messages.SERVER_NOT_INITIALIZED, "The first request must be initialize.")
        if self.state == "shutdown":
            raise RequestError(messages.INVALID_REQUEST, "The server is shutting down.")
        if request.method == types.SHUTDOWN:
            return self._shut_down(endpoint)
        if not endpoint.answers(request.method):
            raise RequestError(messages.METHOD_NOT_FOUND, f"There is no method {request.method}.")
        return endpoint.request(request.method, request.params)

    def _initialize(self, endpoint: Endpoint, params: Any) -> object:
        if self.state != "new":
            raise RequestError(messages.INVALID_REQUEST, "initialize may be sent only once.")
        if not is_usable(params):
            raise RequestError(
                messages.INVALID_PARAMS, "The params of initialize must name the client's capabilities."
            )
        result = endpoint.initialize(params)
        self.state = "running"
        return result

    async def _shut_down(self, endpoint: Endpoint) -> None:
        self.state = "shutdown"
        own = self._shutting_down = asyncio.current_task()
        # P4: a copy, because finished requests leave the mapping while it is walked.
        for task in list(self._answering.values()):
            if task is not own:
                task.cancel()
        await endpoint.shutdown()

    def _finish(self, request: Request, started: float, task: asyncio.Future[Any]) -> None:
        self._answering.pop(request.id, None)
        if task.cancelled():
            self._refuse(request.id, RequestError(messages.REQUEST_CANCELLED, "The request was cancelled."))
            return
        error = task.exception()
        if error is not None:
            self._refuse(request.id, self._as_request_error(error, request.method))
            return
        self._answer(request, task.result(), started)

    def _as_request_error(self, error: BaseException, method: str) -> RequestError:
        if isinstance(error, RequestError):
            return error
        if isinstance(error, MplpError):
            code = getattr(error, "code", None)
            return RequestError(messages.REQUEST_FAILED, str(error), {"code": code} if code else None)
        logger.error("A bug while answering %s.", method, exc_info=error)
        return RequestError(messages.INTERNAL_ERROR, f"Answering {method} failed; the server's log says why.")

    def _notice(self, notification: Notification) -> None:
        method = notification.method
        if method == types.EXIT:
            self.end(0 if self.state == "shutdown" else 1)
        elif self.state != "running":
            logger.debug("%s was dropped: the session is %s.", method, self.state)
        elif method == types.CANCEL_REQUEST:
            self._cancel(notification.params)
        elif method == types.SET_TRACE:
            self.set_trace(notification.params)
        elif self.endpoint is not None:
            started = time.perf_counter()
            try:
                self.endpoint.notification(method, notification.params)
            except RequestError as error:
                logger.warning("%s was ignored: %s", method, error.message)
            except Exception:
                logger.exception("A bug while taking notice of %s.", method)
            self._trace(f"Received notification '{method}'.", started)

    def _cancel(self, params: Any) -> None:
        wanted = params.get("id") if isinstance(params, Mapping) else None
        if isinstance(wanted, (str, int)):
            task = self._answering.get(wanted)
            if task is not None:
                task.cancel()

    def set_trace(self, params: Any) -> None:
        """`$/setTrace`, or what `initialize` said; anything but a known level changes nothing."""
        value = params.get("value") if isinstance(params, Mapping) else None
        if value in {member.value for member in types.TraceValue}:
            self.trace = types.TraceValue(value)

    def _resolve(self, response: Response) -> None:
        if self.endpoint is not None:
            # The answer to `workspace/applyEdit` follows the changes that it speaks of.
            self.endpoint.catch_up()
        future = self._asked.pop(response.id, None)
        if future is None or not future.set_running_or_notify_cancel():
            return
        if response.error is not None:
            code, text = response.error.get("code"), response.error.get("message")
            number = code if isinstance(code, int) else messages.INTERNAL_ERROR
            future.set_exception(RequestError(number, str(text)))
        else:
            future.set_result(response.result)

    # Outgoing

    def _answer(self, request: Request, result: object, started: float) -> None:
        try:
            body = _with({"jsonrpc": "2.0", "id": request.id}, "result", result)
        except Exception as error:
            self._refuse(request.id, self._as_request_error(error, request.method))
            return
        self._post(body)
        self._trace(f"Answered request '{request.method} - ({request.id})'.", started)

    def _refuse(self, message_id: MessageId | None, error: RequestError) -> None:
        content: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.data is not None:
            content["data"] = error.data
        self._post(encode({"jsonrpc": "2.0", "id": message_id, "error": content}))

    def notify(self, method: str, params: Any | None = None, *, droppable: bool = False) -> None:
        """Sends a notification; a droppable one gives way when the client does not read."""
        self._post(_with({"jsonrpc": "2.0", "method": method}, "params", params), droppable=droppable)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MessageId | None = None,
    ) -> Future[Any]:
        """Asks the client; the future holds the answer as plain JSON, or a RequestError."""
        number = msg_id if msg_id is not None else f"mplp-{next(self._numbers)}"
        future: Future[Any] = Future()
        if callback is not None:
            future.add_done_callback(lambda done: callback(done.result()))
        self._asked[number] = future
        future.add_done_callback(lambda _: self._asked.pop(number, None))
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": number, "method": method}
        if params is not None:
            message["params"] = params
        self._post(encode(message))
        return future

    async def ask(self, method: str, params: Any | None = None) -> Any:
        """Asks the client and waits. Raises RequestError if it refuses or the connection ends."""
        return await asyncio.wrap_future(self.send_request(method, params))

    def end(self, exit_code: int) -> None:
        """Ends this session only (P5, P11): stops its work, fails its open questions, tells its endpoint.

        What is being stopped still gets its answer, within a limit.
        """
        if self.state == "exited":
            return
        self.state = "exited"
        for future in list(self._asked.values()):
            if future.set_running_or_notify_cancel():
                future.set_exception(RequestError(messages.REQUEST_CANCELLED, "The session has ended."))
        endpoint, self.endpoint = self.endpoint, None
        # Also those that are done, whose answers leave in the next turn of the loop.
        unfinished = list(self._answering.values())
        for task in unfinished:
            if task is not self._shutting_down:
                task.cancel()
        if not unfinished:
            self._tell_ended(endpoint, exit_code)
            return

        async def after_the_last_answer() -> None:
            await asyncio.wait(unfinished, timeout=LAST_ANSWERS_S)
            self._tell_ended(endpoint, exit_code)

        self._ending = asyncio.ensure_future(after_the_last_answer())

    def _tell_ended(self, endpoint: Endpoint | None, exit_code: int) -> None:
        self._shutting_down = self._ending = None
        if endpoint is not None:
            endpoint.ended(exit_code)

    def _post(self, body: bytes, *, droppable: bool = False) -> None:
        if self.outbox is not None:
            self.outbox.send(body, droppable=droppable)

    def _trace(self, message: str, started: float) -> None:
        logger.debug("%s It took %.1f ms.", message, (time.perf_counter() - started) * 1000)
        if self.trace is types.TraceValue.Off or self.state == "exited":
            return
        params = {"message": message}
        if self.trace is types.TraceValue.Verbose:
            params["verbose"] = f"It took {(time.perf_counter() - started) * 1000:.1f} ms."
        self.notify(types.LOG_TRACE, params, droppable=True)


def _with(head: dict[str, Any], name: str, value: object) -> bytes:
    return with_member(head, name, value.json if isinstance(value, Encoded) else encode(value)).json


def connection_server(version: str) -> LanguageServer:
    """A pygls server object for one connection; its protocol is a SessionProtocol."""
    return LanguageServer(
        "mplp-lsp", version, protocol_cls=SessionProtocol, converter_factory=shared_converter
    )
