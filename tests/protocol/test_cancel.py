"""Cancellation stops the work, and every request is answered once (P3, P4, E10)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.server.outbox import Outbox
from mplp_lsp.server.protocol import SessionProtocol, connection_server
from mplp_runtime.errors import MplpError, WorkspaceNotTrusted
from tests.protocol.in_process import KeptBytes


class Slow:
    """An endpoint whose requests take steps that can be counted."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.exit_codes: list[int] = []
        self.go_on = asyncio.Event()

    def answers(self, method: str) -> bool:
        return method != "unknown"

    def initialize(self, params: Mapping[str, Any]) -> object:
        return {"capabilities": {}}

    def request(self, method: str, params: Any) -> object | Awaitable[object]:
        if method == "now":
            return params
        if method == "user-error":
            raise WorkspaceNotTrusted("Trust the folder first.")
        return getattr(self, method.replace("/", "_").replace("-", "_"))(params)

    async def workspace_executeCommand(self, params: Any) -> object:
        self.steps.append("begun")
        await self.go_on.wait()
        self.steps.append("done")
        return "finished"

    async def stubborn(self, params: Any) -> object:
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.steps.append("cleaned up")
            raise
        return None

    async def broken(self, params: Any) -> object:
        raise KeyError("a secret from the document")

    async def sentence(self, params: Any) -> object:
        raise MplpError("This cannot be done.")

    async def unsendable(self, params: Any) -> object:
        return {"value": {1, 2}, "odd": object()}

    def notification(self, method: str, params: Any) -> None:
        if method == "broken":
            raise KeyError("a secret")

    async def shutdown(self) -> None:
        self.steps.append("shutdown")

    def catch_up(self) -> None:
        pass

    def ended(self, exit_code: int) -> None:
        self.exit_codes.append(exit_code)


class Conversation:
    def __init__(self) -> None:
        self.sink = KeptBytes()
        self.endpoint = Slow()
        protocol = connection_server("0").protocol
        assert isinstance(protocol, SessionProtocol)
        self.protocol = protocol
        self.protocol.endpoint = self.endpoint
        self.protocol.outbox = Outbox(self.sink)
        self.say("initialize", {"capabilities": {}}, id=0)

    def say(self, method: str, params: Any = None, **more: Any) -> None:
        self.protocol.receive(
            json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        )

    @property
    def messages(self) -> list[dict[str, Any]]:
        found = []
        rest = self.sink.data
        while rest:
            header, _, rest = rest.partition(b"\r\n\r\n")
            length = int(header.split(b": ")[1])
            found.append(json.loads(rest[:length]))
            rest = rest[length:]
        return found

    def answers(self, number: Any) -> list[dict[str, Any]]:
        return [message for message in self.messages if message.get("id") == number]


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("moment", range(6))
async def test_a_cancelled_command_stops_and_is_answered_once(moment: int) -> None:
    """P3: pygls answers "cancelled" at once and lets the command run on."""
    conversation = Conversation()
    conversation.say("workspace/executeCommand", {}, id=1)
    await turns(moment)
    conversation.say("$/cancelRequest", {"id": 1})
    await turns(5)
    assert [answer["error"]["code"] for answer in conversation.answers(1)] == [-32800]
    conversation.endpoint.go_on.set()
    await turns(5)
    assert "done" not in conversation.endpoint.steps
    assert len(conversation.answers(1)) == 1


async def test_the_answer_to_a_cancelled_request_comes_after_its_work_has_ended() -> None:
    conversation = Conversation()
    conversation.say("stubborn", {}, id=1)
    await turns(2)
    conversation.say("$/cancelRequest", {"id": 1})
    assert conversation.answers(1) == []
    await turns(3)
    assert conversation.endpoint.steps == ["cleaned up"]
    assert conversation.answers(1)[0]["error"]["code"] == -32800


async def test_cancelling_what_is_done_or_unknown_does_nothing() -> None:
    conversation = Conversation()
    conversation.say("now", {"a": 1}, id=1)
    for number in (1, 99, None, [], "x"):
        conversation.say("$/cancelRequest", {"id": number})
    await turns(3)
    assert conversation.answers(1) == [{"jsonrpc": "2.0", "id": 1, "result": {"a": 1}}]


async def test_shutdown_cancels_what_runs_and_is_answered_last() -> None:
    """P4: pygls walks over a dictionary that changes meanwhile, and stays half alive."""
    conversation = Conversation()
    for number in range(1, 6):
        conversation.say("workspace/executeCommand", {}, id=number)
    await turns(2)
    conversation.say("shutdown", id="end")
    await turns(6)
    assert all(conversation.answers(number)[0]["error"]["code"] == -32800 for number in range(1, 6))
    assert conversation.answers("end") == [{"jsonrpc": "2.0", "id": "end", "result": None}]
    conversation.say("now", {}, id=9)
    assert conversation.answers(9)[0]["error"]["code"] == -32600
    conversation.say("exit")
    assert conversation.endpoint.exit_codes == [0]


async def test_an_id_in_use_is_refused_and_both_requests_are_answered() -> None:
    conversation = Conversation()
    conversation.say("workspace/executeCommand", {}, id=1)
    conversation.say("now", {}, id=1)
    assert [answer["error"]["code"] for answer in conversation.answers(1)] == [-32600]
    conversation.endpoint.go_on.set()
    await turns(4)
    assert conversation.answers(1)[1]["result"] == "finished"


@pytest.mark.parametrize(
    ("method", "code", "sentence"),
    [
        ("unknown", -32601, "There is no method unknown."),
        ("sentence", -32803, "This cannot be done."),
        ("user-error", -32803, "Trust the folder first."),
    ],
)
async def test_what_a_user_can_act_on_is_said_in_the_answer(method: str, code: int, sentence: str) -> None:
    conversation = Conversation()
    conversation.say(method, {}, id=1)
    await turns(3)
    (answer,) = conversation.answers(1)
    assert (answer["error"]["code"], answer["error"]["message"]) == (code, sentence)


async def test_a_refusal_carries_its_stable_word() -> None:
    conversation = Conversation()
    conversation.say("user-error", {}, id=1)
    assert conversation.answers(1)[0]["error"]["data"] == {"code": "not-trusted"}


@pytest.mark.parametrize("method", ["broken", "unsendable"])
async def test_a_bug_is_logged_once_and_answered_without_details(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    conversation = Conversation()
    conversation.say(method, {}, id=1)
    await turns(3)
    (answer,) = conversation.answers(1)
    assert answer["error"]["code"] == -32603
    assert "secret" not in answer["error"]["message"]
    assert len(caplog.records) == 1


async def test_a_bug_in_a_notification_is_logged_and_shows_no_message(
    caplog: pytest.LogCaptureFixture,
) -> None:
    conversation = Conversation()
    conversation.say("broken", {})
    assert len(conversation.messages) == 1
    assert len(caplog.records) == 1


async def test_questions_to_the_client_fail_when_the_session_ends() -> None:
    conversation = Conversation()
    asked = asyncio.ensure_future(conversation.protocol.ask("workspace/configuration", {"items": []}))
    await turns(2)
    conversation.say("exit")
    with pytest.raises(Exception, match="session has ended"):
        await asked
    assert conversation.protocol._asked == {}


async def test_an_answer_nobody_waits_for_is_ignored() -> None:
    conversation = Conversation()
    before = len(conversation.messages)
    for body in (
        b'{"jsonrpc":"2.0","id":"x","result":1}',
        b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"m"}}',
    ):
        conversation.protocol.receive(body)
    assert len(conversation.messages) == before


async def test_messages_that_only_inform_give_way_when_the_client_does_not_read() -> None:
    class Full(KeptBytes):
        def get_write_buffer_size(self) -> int:
            return 100_000_000

    sink = Full()
    outbox = Outbox(sink)
    assert not outbox.send(b"{}", droppable=True)
    assert outbox.send(b"{}")
    assert outbox.dropped == 1
    assert not Outbox(sink, hard_limit_bytes=10).send(b"{}")
    assert sink.closed


async def test_the_name_of_a_trace_level_must_be_known() -> None:
    conversation = Conversation()
    for value in ("verbose", "nonsense", None, 7):
        conversation.say("$/setTrace", {"value": value})
    assert conversation.protocol.trace is types.TraceValue.Verbose
