"""A model behind a real HTTP server, sound and faulty."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael.action import Action, ActionResult
from mplp_runtime.ael.layer import ActionExecutionLayer, action_problem
from mplp_runtime.ael.request_retry import pause_before_s, retry_after_s
from mplp_runtime.settings import Limits, LlmCallBinding
from tests.runtime.ael.model_server import (
    asks_for_tool,
    breaks_off,
    chunk,
    contents,
    hangs,
    model_server,
    refuses,
    says,
    sends,
)
from tests.runtime.ael.told import Told, until

STEP = {
    "step_id": "11111111-1111-4111-8111-111111111111",
    "description": "Write the notes for {plan.title}",
    "agent_role": "writer",
}
PLAN = {"plan_id": "33333333-3333-4333-8333-333333333333", "title": "Release"}


def call(base_url: str, told: Told | None = None, limits: Limits | None = None, **settings: Any) -> Action:
    told = told or Told()
    given = {"base_url": base_url, "model": "m", "prompt": "{step.description}", **settings}
    inputs = given.pop("inputs", {})
    return Action(
        kind="llm_call",
        run_id="22222222-2222-4222-8222-222222222222",
        plan=PLAN,
        step=STEP,
        attempt=1,
        root=Path("/"),
        settings=LlmCallBinding.model_validate(given).model_dump(mode="json", exclude_none=True),
        inputs=inputs,
        limits=limits or Limits(timeout_s=60),
        on_output=told.show,
        on_event=told.event,
    )


async def execute(action: Action) -> ActionResult:
    return await ActionExecutionLayer().execute(action)


async def test_the_models_text_is_the_output_and_is_shown_as_it_comes() -> None:
    told = Told()
    async with model_server(says("New ", "in ", "1.0: ü")) as server:
        result = await execute(call(server.base_url, told))
    assert (result.success, result.output, result.tail) == (True, "New in 1.0: ü", "New in 1.0: ü")
    assert told.output == "New in 1.0: ü"


async def test_the_first_words_are_shown_before_the_last_ones_are_written() -> None:
    told = Told()
    async with model_server(hangs("first")) as server:
        task = asyncio.create_task(execute(call(server.base_url, told)))
        await until(lambda: told.output == "first")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_placeholders_are_filled_once_and_other_braces_stay() -> None:
    settings = {
        "prompt": 'As {"json"}: {step.description} / {inputs} / {inputs.b}',
        "system": "You are the {step.agent_role} of {plan.title}",
        "temperature": 0.5,
        "max_tokens": 9,
        "inputs": {"a": "one", "b": {"n": 2}},
    }
    async with model_server(says("ok")) as server:
        assert (await execute(call(server.base_url, **settings))).success
        (exchange,) = server.exchanges
    assert contents(exchange) == [
        ("system", "You are the writer of Release"),
        ("user", 'As {"json"}: Write the notes for {plan.title} / one\n\n{"n": 2} / {"n": 2}'),
    ]
    assert (exchange.body["temperature"], exchange.body["max_tokens"]) == (0.5, 9)


async def test_tokens_and_cost_are_told_as_an_event() -> None:
    told = Told()
    prices = {"input_price": 2, "output_price": 10.0, "currency": "EUR"}
    async with model_server(says("ok", prompt_tokens=1000, completion_tokens=500)) as server:
        assert (await execute(call(server.base_url, told, **prices))).success
    (event,) = told.events
    assert (event["event_family"], event["event_type"]) == ("cost_budget", "llm_cost_recorded")
    assert event["payload"] == {
        "step_id": STEP["step_id"],
        "attempt": 1,
        "model": "m",
        "prompt_tokens": 1000,
        "completion_tokens": 500,
        "total_tokens": 1500,
        "cost": 0.007,
        "currency": "EUR",
    }


async def test_without_prices_no_cost_is_made_up() -> None:
    told = Told()
    async with model_server(says("ok")) as server:
        assert (await execute(call(server.base_url, told))).success
    assert "cost" not in told.events[0]["payload"]
    assert told.events[0]["payload"]["total_tokens"] == 12


async def test_the_key_comes_from_its_variable_and_no_other_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-Writer\n")
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "somebody-elses")
    async with model_server(says("ok")) as server:
        assert (await execute(call(server.base_url, api_key_env="WRITER_KEY"))).success
        assert (await execute(call(server.base_url))).success
        with_key, without = server.exchanges
    assert with_key.headers["authorization"] == "Bearer sk-Writer"
    assert "authorization" not in without.headers
    assert "somebody-elses" not in str([with_key.headers, without.headers])


def test_a_key_that_is_not_there_is_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRITER_KEY", raising=False)
    settings = {"base_url": "http://127.0.0.1:1", "model": "m", "prompt": "p", "api_key_env": "WRITER_KEY"}
    problem = action_problem("llm_call", settings)
    assert (
        problem == "The variable `WRITER_KEY` that holds the key of an llm_call is not set (`api_key_env`)."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": ""}, "An llm_call needs `base_url`."),
        ({"base_url": "http://["}, "`http://[` is no address of an endpoint"),
        ({"base_url": "http://"}, "`http://` is no address of an endpoint"),
        ({"prompt": "{step.title}"}, "`{step.title}` in `prompt` of an llm_call stands for nothing."),
        ({"api_key_env": "WRITER_KEY"}, "holds something that cannot be a key"),
    ],
    ids=["nothing", "broken", "no host", "placeholder", "key"],
)
def test_what_could_never_be_asked_is_told_before_the_run(
    changes: Mapping[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-\x07bell")
    settings = {"base_url": "http://127.0.0.1:1", "model": "m", "prompt": "p", **changes}
    assert words in str(action_problem("llm_call", settings))


async def test_a_wrong_key_fails_at_once_and_stands_in_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-secret")
    async with model_server(refuses(401, "Incorrect API key provided: sk-secret")) as server:
        result = await execute(call(server.base_url, api_key_env="WRITER_KEY"))
        assert len(server.exchanges) == 1
    assert not result.success
    assert "The endpoint refused the key (status 401)" in str(result.error)
    assert "sk-secret" not in str(result)


@pytest.mark.parametrize(
    "pieces",
    [
        ["Your key is Bearer sk-verysecret-1."],
        ["Your key is Bearer sk-ver", "ysecret-1", "."],
        list("Your key is Bearer sk-verysecret-1."),
    ],
    ids=["whole", "in three", "by character"],
)
async def test_a_model_that_repeats_its_key_has_it_masked_in_what_is_shown_and_kept(
    pieces: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-verysecret-1")
    told = Told()
    async with model_server(says(*pieces)) as server:
        result = await execute(call(server.base_url, told, api_key_env="WRITER_KEY"))
    assert result.success
    assert result.output == result.tail == told.output == "Your key is Bearer ***."


async def test_a_key_in_a_half_answer_or_a_cut_message_is_not_shown_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WRITER_KEY", "sk-verysecret-1")
    told = Told()
    message = f"{'x' * 285} sk-verysecret-1"
    answers = breaks_off("It is sk-verysecret"), refuses(500, message, retry_after="0"), says("ok")
    async with model_server(*answers) as server:
        result = await execute(call(server.base_url, told, api_key_env="WRITER_KEY"))
    assert (result.success, result.output) == (True, "ok")
    assert told.output.startswith("It is \n")
    assert "xxx ***; asking again" in told.output
    assert "sk-very" not in f"{told.output} {result}"


@pytest.mark.parametrize("pieces", [[], ["Let me look. "]])
async def test_a_model_that_only_asks_for_tools_has_not_answered(pieces: list[str]) -> None:
    told = Told()
    async with model_server(asks_for_tool("look_up", *pieces)) as server:
        result = await execute(call(server.base_url, told))
        assert len(server.exchanges) == 1
    assert not result.success
    assert result.error == (
        "The model asked for `look_up` instead of answering, and an llm_call offers it no tools."
    )
    assert told.output == "".join(pieces)


async def test_a_model_that_refuses_has_not_answered() -> None:
    refusal = {"index": 0, "delta": {"refusal": "I would rather not."}, "finish_reason": "stop"}
    text = f"data: {json.dumps(chunk([refusal]))}\n\ndata: [DONE]\n\n"
    async with model_server(sends(text)) as server:
        result = await execute(call(server.base_url))
    assert result.error == "The model refused to answer: I would rather not."


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_what_is_refused_for_now_is_asked_again_when_the_endpoint_says(status: int) -> None:
    told = Told()
    answers = (refuses(status, "busy", retry_after="0.05"), refuses(status, retry_after="0"), says("ok"))
    async with model_server(*answers) as server:
        result = await execute(call(server.base_url, told))
        assert len(server.exchanges) == 3
    assert (result.success, result.output) == (True, "ok")
    assert f"The endpoint answered with status {status}: busy; asking again in 0.05 s" in told.output


async def test_a_retry_after_in_seconds_is_waited_for() -> None:
    async with model_server(refuses(429, retry_after="1"), says("ok")) as server:
        began = time.monotonic()
        assert (await execute(call(server.base_url))).success
    assert time.monotonic() - began >= 1


def test_a_retry_after_may_be_a_date_and_pauses_grow_without_one() -> None:
    date, later = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:51:17 GMT"
    assert retry_after_s({"retry-after": later, "date": date}) == 100
    assert retry_after_s({"retry-after": date, "date": later}) == 0
    assert retry_after_s({"retry-after": later}) is None
    assert [pause_before_s(tried, 2.0) for tried in (0, 5)] == [2.0, 2.0]
    for tried, longest in ((0, 0.5), (1, 1.0), (3, 4.0), (20, 30.0)):
        assert 0.75 * longest <= pause_before_s(tried, None) <= longest


async def test_a_refusal_that_does_not_pass_is_told_with_its_reason() -> None:
    async with model_server(refuses(404, "The model `m` does not exist")) as server:
        result = await execute(call(server.base_url))
        assert len(server.exchanges) == 1
    assert result.error == "The endpoint answered with status 404: The model `m` does not exist."


async def test_an_endpoint_that_stays_broken_is_given_up() -> None:
    async with model_server(refuses(500, retry_after="0")) as server:
        result = await execute(call(server.base_url, request_retries=2))
        assert len(server.exchanges) == 3
    assert result.error == "The endpoint answered with status 500: no (asked 3 times)."


async def test_an_answer_that_is_cut_off_in_the_middle_is_asked_for_again_and_not_doubled() -> None:
    async with model_server(breaks_off("half an "), says("whole answer")) as server:
        result = await execute(call(server.base_url))
    assert (result.success, result.output) == (True, "whole answer")


async def test_an_answer_that_ends_without_its_end_is_no_answer() -> None:
    cut = sends('data: {"id":"c","choices":[{"index":0,"delta":{"content":"half"}}]}\n\ndata: [DONE]\n\n')
    async with model_server(cut) as server:
        result = await execute(call(server.base_url, request_retries=0))
    assert not result.success
    assert result.error == "The answer broke off before its end."


@pytest.mark.parametrize(
    "text",
    [
        "data: this is no JSON\n\n",
        "data: [1, 2]\n\n",
        'data: {"choices": "many"}\n\n',
        'data: {"choices": [{"index": 0}]}\n\n',
        "<html>hello</html>",
        "\x00\x01\x02",
    ],
    ids=["no JSON", "a list", "choices of text", "no delta", "a page", "bytes"],
)
async def test_garbage_is_a_failure_in_a_sentence(text: str) -> None:
    async with model_server(sends(text)) as server:
        result = await execute(call(server.base_url, request_retries=0))
    assert not result.success
    assert str(result.error).endswith(".")
    assert "Traceback" not in str(result.error)


async def test_nobody_there_is_a_failure_in_a_sentence() -> None:
    async with model_server(says("ok")) as server:
        gone = server.base_url
    result = await execute(call(gone, request_retries=0))
    assert str(result.error).startswith("The connection to the endpoint failed: ")


async def test_a_slow_answer_ends_at_the_time_limit_and_its_connection_is_closed() -> None:
    async with model_server(hangs("slow")) as server:
        result = await execute(call(server.base_url, limits=Limits(timeout_s=4)))
        (exchange,) = server.exchanges
        await asyncio.wait_for(exchange.closed.wait(), 30)
    assert (result.success, result.timed_out) == (False, True)
    assert result.error == "Stopped after 4 s, the time limit."


async def test_a_pause_does_not_outlast_the_time_limit() -> None:
    async with model_server(refuses(429, retry_after="3600")) as server:
        result = await execute(call(server.base_url, limits=Limits(timeout_s=1)))
    assert result.timed_out


async def test_cancelling_closes_the_stream() -> None:
    told = Told()
    async with model_server(hangs("begun")) as server:
        task = asyncio.create_task(execute(call(server.base_url, told)))
        await until(lambda: "begun" in told.output)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.exchanges[0].closed.wait(), 30)


async def test_a_flood_is_bounded() -> None:
    async with model_server(says(*["x" * 4096] * 50)) as server:
        result = await execute(call(server.base_url, limits=Limits(output_kib=16, timeout_s=60)))
    assert result.success
    assert len(str(result.output)) < 17 * 1024
    assert "left out" in str(result.output)


async def test_a_step_without_network_asks_no_model() -> None:
    async with model_server(says("ok")) as server:
        result = await execute(call(server.base_url, limits=Limits(network=False)))
        assert server.exchanges == []
    assert "network = false" in str(result.error)


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mplp_runtime.ael.llm_call.find_spec", lambda name: None)
    problem = action_problem("llm_call", {"base_url": "http://127.0.0.1:1", "model": "m", "prompt": "p"})
    assert problem == (
        "llm_call needs the official OpenAI client: install it with `pip install 'mplp-lsp[llm]'`."
    )


def test_asking_whether_a_model_can_be_asked_loads_no_client() -> None:
    import subprocess

    code = (
        "import sys; from mplp_runtime.ael.layer import action_problem; "
        "action_problem('llm_call', {'prompt': 'p'}); print('openai' in sys.modules, 'mcp' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "False False\n"
