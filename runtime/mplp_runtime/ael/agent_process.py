"""A step done by an agent that is a process of its own: JSON lines both ways (docs/agents.md)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from mplp_runtime.ael.action import Action, Outcome, is_success
from mplp_runtime.ael.isolation import unenforced_limits
from mplp_runtime.ael.process import LimitedProcess, OutputCapture, child_environment, start_process
from mplp_runtime.ael.tool_call import attempt_mark, exit_problem, own_variables

PROTOCOL = 1
"""Version of the protocol, told in the first line."""

_CANCEL_GRACE_S = 2.0
_EXIT_GRACE_S = 5.0
_CHUNK_BYTES = 64 * 1024
_ENVELOPE_BYTES = 64 * 1024
"""Room in a line around an output of the largest size that is kept."""


async def agent_process(action: Action, command: Sequence[str]) -> Outcome:
    """Starts the agent, tells it the step, follows its progress, and returns its result.

    Its questions are asked of a person; the time limit stands still while they wait. On a time-out and on
    cancellation it is told so and has two seconds to clean up before its process group is ended. Raises
    CommandNotStarted, IsolationImpossible.
    """
    process = await start_process(
        command,
        root=action.root,
        cwd=action.root,
        env=child_environment(action.limits.env_allow, own_variables(action)),
        limits=action.limits,
        mark=attempt_mark(action.run_id, action.step_id, action.attempt),
    )
    agent = _Agent(action, process)
    agent.show_what_is_not_limited()
    work = asyncio.ensure_future(agent.follow())
    timed_out = False
    try:
        if action.on_process is not None:
            await action.on_process(process.identity)
        timed_out = not await agent.is_done_in_time()
        if timed_out:
            await agent.leave("time limit")
    except asyncio.CancelledError:
        await asyncio.shield(agent.leave("cancelled"))
        raise
    finally:
        await process.end(work)
    return agent.outcome(timed_out=timed_out)


class _Agent:
    """The conversation with one agent."""

    def __init__(self, action: Action, process: LimitedProcess) -> None:
        self._action = action
        self._process = process
        self._capture = OutputCapture(action.limits.output_kib * 1024, action.on_output)
        self._longest_line = action.limits.output_kib * 1024 + _ENVELOPE_BYTES
        self._limit: asyncio.Timeout | None = None
        self._left_s = action.limits.timeout_s
        self._is_given_up = False
        self._result: Mapping[str, Any] | None = None
        self._told = asyncio.Event()
        self._questions: set[asyncio.Task[None]] = set()

    def show_what_is_not_limited(self) -> None:
        """Where this system cannot keep all limits, people hear of it before the agent does anything."""
        for limit in unenforced_limits(self._action.limits):
            self._capture.show(f"Not limited on this system: {limit}.\n")

    async def follow(self) -> None:
        """Tells the agent its step, then reads everything it says, to the end of its output."""
        action = self._action
        members = ("plan_id", "context_id", "title", "objective")
        start = {
            "type": "start",
            "protocol": PROTOCOL,
            "run_id": action.run_id,
            "attempt": action.attempt,
            "plan": {name: action.plan[name] for name in members if name in action.plan},
            "step": dict(action.step),
            "inputs": dict(action.inputs),
        }
        try:
            await asyncio.gather(
                self._send(start),
                self._read_lines(),
                self._capture.read(self._process.stderr, wanted=False),
            )
        finally:
            for question in self._questions:
                question.cancel()

    async def is_done_in_time(self) -> bool:
        """False when the time limit passed first; an agent that told its result may take its leave."""
        waits = [asyncio.ensure_future(each) for each in (self._told.wait(), self._process.has_exited())]
        try:
            # It may ask before its time begins to count.
            async with asyncio.timeout(None if self._questions else self._left_s) as self._limit:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            return False
        finally:
            for each in waits:
                each.cancel()
        if self._told.is_set():
            await self._process.close_input()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.has_exited(), _EXIT_GRACE_S)
        return True

    async def leave(self, reason: str) -> None:
        """Tells the agent to stop, and gives it a moment to do so."""
        self._is_given_up = True
        with suppress(TimeoutError):
            async with asyncio.timeout(_CANCEL_GRACE_S):
                await self._send({"type": "cancel", "reason": reason})
                await self._process.close_input()
                await self._process.has_exited()

    def outcome(self, *, timed_out: bool) -> Outcome:
        """What the agent told, or why there is nothing."""
        exit_code, tail = self._process.exit_code, self._capture.tail.text()
        if self._result is None:
            ended = exit_problem(
                exit_code or 0,
                self._action,
                timed_out=timed_out,
                memory_problem=self._process.memory_problem,
            )
            error = ended or "The agent ended without a result."
            return Outcome(False, error=error, exit_code=exit_code, tail=tail, timed_out=timed_out)
        success = is_success(self._result)
        error = str(self._result.get("error") or "The agent reported a failure.")
        output = self._result.get("output", "")
        if isinstance(output, str) and output:
            # What a text says belongs to the last lines that people see, after the progress.
            tail = f"{tail}\n{output}".lstrip()
        return Outcome(
            success,
            output=output,
            error=None if success else error,
            exit_code=exit_code,
            tail=tail,
        )

    async def _read_lines(self) -> None:
        stream = self._process.stdout
        pending = bytearray()
        while stream is not None and (chunk := await stream.read(_CHUNK_BYTES)):
            *lines, rest = (bytes(pending) + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            pending = bytearray(rest)
            if len(pending) > self._longest_line:
                self._capture.show(f"… a line of more than {self._longest_line:,} bytes is not read …\n")
                pending.clear()
        if pending:
            self._take(bytes(pending))

    def _take(self, line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()
        message = _message(text)
        kind = None if message is None else message.get("type")
        if message is None or self._result is not None:
            # What is no message, such as a library's chatter, is shown to people and otherwise ignored.
            self._capture.show(text + "\n" if text else "")
        elif kind == "progress":
            self._capture.show(f"{message.get('text', '')}\n")
        elif kind == "question" and self._is_given_up:
            self._capture.show(f"… nobody is asked any more: {message.get('text', '')} …\n")
        elif kind == "question":
            self._pause()
            question = asyncio.ensure_future(self._answer(message))
            self._questions.add(question)
            question.add_done_callback(self._resume)
        elif kind == "result":
            self._result = message
            self._told.set()
        else:
            self._capture.show(f"… a message of the unknown type `{kind}` is ignored …\n")

    async def _answer(self, message: Mapping[str, Any]) -> None:
        ask = self._action.ask
        success, output = (False, "Nobody is there to answer.")
        if ask is not None:
            success, output = await ask(str(message.get("text", "")))
        answer = {"type": "answer", "id": message.get("id"), "success": success, "output": output}
        await self._send(answer)

    def _pause(self) -> None:
        """A person has all the time: it does not count against the agent's."""
        when = None if self._limit is None else self._limit.when()
        if self._limit is not None and not self._questions and when is not None:
            self._left_s = when - asyncio.get_running_loop().time()
            with suppress(RuntimeError):
                # It passed a moment ago.
                self._limit.reschedule(None)

    def _resume(self, question: asyncio.Task[None]) -> None:
        self._questions.discard(question)
        if not question.cancelled() and (problem := question.exception()) is not None:
            self._capture.show(f"… the question could not be asked: {problem} …\n")
        is_over = self._told.is_set() or self._process.exit_code is not None
        if self._limit is not None and not self._questions and not is_over:
            with suppress(RuntimeError):
                # The limit is over when the agent is: there is nothing to continue then.
                self._limit.reschedule(asyncio.get_running_loop().time() + self._left_s)

    async def _send(self, message: Mapping[str, Any]) -> None:
        line = json.dumps(message, ensure_ascii=False, default=str) + "\n"
        await self._process.write(line.encode("utf-8", "replace"))


def _message(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and isinstance(value.get("type"), str) else None
