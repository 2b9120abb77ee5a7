"""A step done by a language model behind an OpenAI-compatible endpoint, streamed as it is written."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mplp_runtime.ael.action import Action, Outcome
from mplp_runtime.ael.bounded_output import BoundedOutput, LastLines
from mplp_runtime.ael.llm_usage import Usage, usage_event
from mplp_runtime.ael.masking import MASK, Masking, masked
from mplp_runtime.ael.request_retry import RequestFailed, pause_before_s, told_as_failure
from mplp_runtime.errors import MplpError
from mplp_runtime.settings.placeholders import filled, unknown_placeholders

if TYPE_CHECKING:
    from openai import AsyncOpenAI

EXTRA_MISSING = "llm_call needs the official OpenAI client: install it with `pip install 'mplp-lsp[llm]'`."
_NO_KEY = "no-key"
_REFUSAL_CHARACTERS = 300


class ModelUnreachable(MplpError):
    """A model cannot be asked as mplp.toml has it: no client, no key, no network."""


async def llm_call(action: Action) -> Outcome:
    """Sends the binding's prompt and returns the model's text.

    The text is shown as it comes. A request that is refused for now (429, 5xx) or loses its connection is
    sent again after a pause, up to `request_retries` times within the time limit; what a broken-off answer
    had said already is discarded. An answer that is no text (tools, a refusal) is a failure. Where the model
    repeats its key, the key is masked. Tokens and cost are told as one cost_budget event. Raises
    ModelUnreachable.
    """
    problem = llm_problem(action.settings) or network_problem(network=action.limits.network)
    if problem is not None:
        raise ModelUnreachable(problem)
    limit = asyncio.timeout(action.limits.timeout_s)
    call = _Call(action)
    try:
        async with _client(action.settings) as client, limit:
            failure = await call.answered(client)
    except TimeoutError:
        if not limit.expired():
            raise
        return Outcome(False, error=action.out_of_time(), tail=call.tail.text(), timed_out=True)
    finally:
        if call.usage is not None:
            await action.tell(usage_event(action, call.usage))
    if failure is not None:
        return Outcome(False, error=failure, tail=call.tail.text(), error_type=call.error_type)
    return Outcome(True, output=call.text.text(), tail=call.tail.text())


def llm_problem(settings: Mapping[str, Any]) -> str | None:
    """Why a binding's model could never be asked, None where it could; asked before a run starts."""
    for name in ("base_url", "model", "prompt"):
        if not settings.get(name):
            return f"An llm_call needs `{name}`."
    for name in ("prompt", "system"):
        for unknown in unknown_placeholders(str(settings.get(name) or "")):
            return f"`{{{unknown}}}` in `{name}` of an llm_call stands for nothing."
    try:
        is_address = bool(urlsplit(str(settings["base_url"])).hostname)
    except ValueError:
        is_address = False
    if not is_address:
        return f"`{settings['base_url']}` is no address of an endpoint (`base_url` of an llm_call)."
    variable = settings.get("api_key_env")
    if variable and not (key := _key(settings)):
        return f"The variable `{variable}` that holds the key of an llm_call is not set (`api_key_env`)."
    if variable and not (key.isascii() and key.isprintable()):
        return f"The variable `{variable}` holds something that cannot be a key: a control or non-ASCII sign."
    return None if find_spec("openai") is not None else EXTRA_MISSING


def network_problem(*, network: bool) -> str | None:
    """Why a request may not be sent: mplp.toml forbids its steps the network."""
    return None if network else "mplp.toml says `network = false`, but an llm_call is a request to a network."


class _Call:
    """One question to a model, as often as it has to be asked."""

    def __init__(self, action: Action) -> None:
        self._action = action
        self._settings = action.settings
        self.text = BoundedOutput(action.limits.output_kib * 1024)
        self.tail = LastLines()
        self.usage: Usage | None = None
        self.error_type: str | None = None
        self._key = _key(action.settings)
        self._masking = Masking(self._key)
        self._instead = _Instead()

    async def answered(self, client: AsyncOpenAI) -> str | None:
        """None once the model has answered, else why it did not."""
        retries = int(self._settings.get("request_retries", 4))
        for tried in range(retries + 1):
            try:
                await self._ask(client)
            except RequestFailed as failed:
                self.error_type = failed.error_type
                if not failed.is_passing or tried == retries:
                    times = f" (asked {tried + 1} times)" if tried else ""
                    return f"{self._without_key(str(failed))}{times}."
                pause_s = pause_before_s(tried, failed.retry_after_s)
                self._show(f"\n… {self._without_key(str(failed))}; asking again in {pause_s:.3g} s …\n")
                await asyncio.sleep(pause_s)
            else:
                return None
        return None

    async def _ask(self, client: AsyncOpenAI) -> None:
        self.text = BoundedOutput(self._action.limits.output_kib * 1024)
        # What a broken-off answer held back is dropped with it.
        self._masking, self._instead = Masking(self._key), _Instead()
        is_finished = False
        # The endpoint tells what it cost only if it is asked to, in a last piece without a choice.
        with told_as_failure():
            stream: Any = await client.chat.completions.create(**self._request())
        try:
            with told_as_failure(nonsense=True):
                async for piece in stream:
                    is_finished = self._take(piece) or is_finished
        finally:
            await stream.close()
        if not is_finished:
            raise RequestFailed("The answer broke off before its end", is_passing=True)
        self._add(self._masking.rest())
        if (problem := self._instead.problem(has_text=bool(self.text.text()))) is not None:
            raise RequestFailed(problem, is_passing=False)

    def _request(self) -> dict[str, Any]:
        action = self._action
        messages = [
            {"role": role, "content": filled(str(text), action.step, action.plan, action.inputs)}
            for role, text in (("system", self._settings.get("system")), ("user", self._settings["prompt"]))
            if text
        ]
        request: dict[str, Any] = {
            "model": self._settings["model"],
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if not self._settings.get("api_key_env"):
            from openai import Omit

            request["extra_headers"] = {"Authorization": Omit()}
        for name in ("temperature", "max_tokens"):
            if self._settings.get(name) is not None:
                request[name] = self._settings[name]
        return request

    def _take(self, piece: Any) -> bool:
        """Takes one piece of the stream; True for the one that says why the answer ends here."""
        usage = getattr(piece, "usage", None)
        if usage is not None:
            self.usage = (self.usage or Usage()).plus(usage)
        choices = getattr(piece, "choices", None)
        if not isinstance(choices, list):
            raise RequestFailed(
                "The endpoint answered something that is no chat completion", is_passing=False
            )
        if not choices:
            return False
        delta, reason = choices[0].delta, choices[0].finish_reason
        content = getattr(delta, "content", None)
        if isinstance(content, str):
            self._add(self._masking.part(content))
        self._instead.take(delta, reason)
        if reason == "content_filter":
            raise RequestFailed("The endpoint withheld the answer (content filter)", is_passing=False)
        if reason == "length":
            self._add(self._masking.rest())
            self._show("\n… the answer ends here because it may not be longer …\n")
        return reason is not None

    def _without_key(self, text: str) -> str:
        # Some endpoints repeat the key they refuse.
        text = masked(text, self._key)
        return text.replace(self._key, MASK) if self._key else text

    def _add(self, text: str) -> None:
        self.text.add(text.encode("utf-8", "replace"))
        self._show(text)

    def _show(self, text: str) -> None:
        self.tail.add(text)
        self._action.show(text)


class _Instead:
    """What a model answered with that is no text. Pieces are the endpoint's word and checked by nobody."""

    def __init__(self) -> None:
        self._tools: list[str] = []
        self._asks_for_tools = False
        self._refusal = ""

    def take(self, delta: Any, reason: object) -> None:
        self._asks_for_tools = self._asks_for_tools or reason in {"tool_calls", "function_call"}
        for call in getattr(delta, "tool_calls", None) or ():
            self._asks_for_tools = True
            name = getattr(getattr(call, "function", None), "name", None)
            if isinstance(name, str) and name:
                self._tools.append(f"`{name}`")
        refusal = getattr(delta, "refusal", None)
        if isinstance(refusal, str):
            self._refusal += refusal

    def problem(self, *, has_text: bool) -> str | None:
        """Why this is no answer, as a sentence without its full stop; None if it may be one."""
        if self._asks_for_tools:
            which = " and ".join(self._tools) or "a tool"
            return f"The model asked for {which} instead of answering, and an llm_call offers it no tools"
        if self._refusal and not has_text:
            return f"The model refused to answer: {self._refusal[:_REFUSAL_CHARACTERS]}".rstrip(".")
        return None


@asynccontextmanager
async def _client(settings: Mapping[str, Any]) -> AsyncIterator[AsyncOpenAI]:
    # The package takes a second of processor time to import: not on the loop that others wait on.
    await asyncio.to_thread(import_module, "openai.resources.chat.completions")
    import openai

    client = openai.AsyncOpenAI(
        # Everything is given, because what is not given is read from OPENAI_* variables: a key for one
        # endpoint must never be sent to another.
        api_key=_key(settings) or _NO_KEY,
        admin_api_key="",
        organization="",
        project="",
        webhook_secret="",
        base_url=settings["base_url"],
        max_retries=0,
        timeout=None,
        # A prompt goes where mplp.toml says and nowhere else.
        http_client=openai.DefaultAsyncHttpxClient(follow_redirects=False),
    )
    try:
        yield client
    finally:
        await client.close()


def _key(settings: Mapping[str, Any]) -> str:
    # Files of keys end with a line end, and so do variables made of them.
    return os.environ.get(settings.get("api_key_env") or "", "").strip()
