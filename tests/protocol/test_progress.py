"""Progress bars: created without waiting, ended always, forgotten (P14)."""

from __future__ import annotations

import pytest

from mplp_lsp.server.progress import Progress
from tests.protocol.test_cancel import Conversation


def bars(conversation: Conversation) -> list[str]:
    return [
        message["params"]["value"]["kind"]
        for message in conversation.messages
        if message.get("method") == "$/progress"
    ]


def answer(conversation: Conversation, body: str) -> None:
    asked = [m["id"] for m in conversation.messages if m.get("method") == "window/workDoneProgress/create"][
        -1
    ]
    conversation.protocol.receive(f'{{"jsonrpc":"2.0","id":"{asked}",{body}}}'.encode())


async def test_nothing_is_sent_before_the_client_has_accepted_the_token() -> None:
    conversation = Conversation()
    progress = Progress(conversation.protocol, is_shown=True)
    bar = progress.bar("mplp-run-1", "Running")
    bar.report("one", percentage=10)
    assert bars(conversation) == []
    answer(conversation, '"result":null')
    bar.report("two", percentage=20)
    bar.report("two", percentage=20)
    bar.end()
    bar.end()
    assert bars(conversation) == ["begin", "report", "end"]
    assert progress.tokens == frozenset()


async def test_a_refused_token_is_silent_and_forgotten() -> None:
    conversation = Conversation()
    progress = Progress(conversation.protocol, is_shown=True)
    bar = progress.bar("mplp-run-1", "Running")
    answer(conversation, '"error":{"code":-32603,"message":"no"}')
    bar.report("one")
    bar.end()
    assert bars(conversation) == []
    assert progress.tokens == frozenset()


async def test_a_bar_that_ended_before_the_answer_stays_silent() -> None:
    conversation = Conversation()
    progress = Progress(conversation.protocol, is_shown=True)
    progress.bar("mplp-run-1", "Running").end()
    answer(conversation, '"result":null')
    assert bars(conversation) == []


async def test_the_end_is_sent_also_when_the_work_fails() -> None:
    conversation = Conversation()
    progress = Progress(conversation.protocol, is_shown=True)

    async def fail() -> None:
        async with progress.bar("mplp-check", "Checking"):
            answer(conversation, '"result":null')
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await fail()
    assert bars(conversation) == ["begin", "end"]


async def test_a_token_in_use_gets_a_number_and_cancel_reaches_the_right_bar() -> None:
    conversation = Conversation()
    progress = Progress(conversation.protocol, is_shown=True)
    cancelled: list[str] = []
    progress.bar("mplp-run-1", "One", on_cancel=lambda: cancelled.append("one"))
    second = progress.bar("mplp-run-1", "Two", on_cancel=lambda: cancelled.append("two"))
    assert second.token.endswith("-2")
    progress.cancel("mplp-run-1-2")
    for unknown in ("x", 7, None, []):
        progress.cancel(unknown)
    assert cancelled == ["two"]


async def test_without_the_capability_nothing_is_sent() -> None:
    conversation = Conversation()
    before = len(conversation.messages)
    progress = Progress(conversation.protocol, is_shown=False)
    bar = progress.bar("mplp-run-1", "Running")
    bar.report("one")
    bar.end()
    assert len(conversation.messages) == before
