"""Runs one process under limits: argument list, own session, bounded output, and no survivor afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.ael.action import ProcessIdentity
from mplp_runtime.ael.bounded_output import BoundedOutput, LastLines, TextStream
from mplp_runtime.ael.isolation import limited_command
from mplp_runtime.ael.memory_watch import INTERVAL_S, Looks, TreeMemory, can_watch
from mplp_runtime.ael.process_table import (
    end_process_tree,
    end_process_tree_now,
    group_has_members,
    process_identity,
)
from mplp_runtime.errors import MplpError
from mplp_runtime.settings import Limits

_CHUNK_BYTES = 64 * 1024
_DRAIN_S = 1.0
_LOOKS = Looks()


class CommandNotStarted(MplpError):
    """The command of a step could not be started; nothing ran."""


@dataclass(frozen=True, slots=True)
class ProcessOutcome:
    """How a process ended. `exit_code` is negative for a signal, as Python says it.

    `memory_problem` is a sentence where it was ended because of the memory of all its processes.
    """

    exit_code: int
    output: str
    errors: str
    tail: str
    timed_out: bool
    memory_problem: str | None = None


class LimitedProcess:
    """A process that runs under limits in a session of its own, with all three pipes open to us."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        protocol: _Protocol,
        transport: asyncio.SubprocessTransport,
        mark: str,
        memory_mib: int,
    ) -> None:
        self._process = process
        self._protocol = protocol
        self._transport = transport
        self._mark = mark
        self.identity = process_identity(process.pid)
        self.memory_problem: str | None = None
        self._watching = asyncio.ensure_future(self._keep_in_memory(memory_mib)) if can_watch() else None

    @property
    def stdout(self) -> asyncio.StreamReader | None:
        return self._process.stdout

    @property
    def stderr(self) -> asyncio.StreamReader | None:
        return self._process.stderr

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal, as Python says it."""
        return self._process.returncode

    async def has_exited(self) -> None:
        """Returns when the process itself has ended, whoever else still holds its pipes."""
        await self._protocol.exited.wait()

    async def write(self, data: bytes) -> None:
        """Writes to its standard input; one that does not read, or is gone, is within its rights."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._process.stdin.write(data)
                await self._process.stdin.drain()

    async def close_input(self) -> None:
        """Tells it that nothing more comes."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                self._process.stdin.close()
                await self._process.stdin.wait_closed()

    async def end(self, work: asyncio.Future[Any] | None = None) -> None:
        """Leaves no process, no pipe and no task behind; `work` is what reads its pipes."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        try:
            await asyncio.shield(_finished(self._process, self._protocol, work, self._mark))
        finally:
            self._transport.close()

    async def _keep_in_memory(self, limit_mib: int) -> None:
        """Ends all processes once they use more than the limit together; the kernel bounds each alone."""
        memory = TreeMemory(self.identity.pid, _LOOKS)
        while self.exit_code is None:
            await asyncio.sleep(INTERVAL_S)
            problem = await asyncio.to_thread(memory.problem, limit_mib)
            if problem is not None and self.exit_code is None:
                self.memory_problem = problem
                # At once: whoever is asked politely may take the rest of the machine's memory meanwhile.
                await asyncio.to_thread(end_process_tree_now, self.identity.pid, self._mark)
                return


async def start_process(
    command: Sequence[str], *, root: Path, cwd: Path, env: Mapping[str, str], limits: Limits, mark: str
) -> LimitedProcess:
    """Starts `command`; whoever calls this must `end` it. `mark` is an entry of `env` (`NAME=value`).

    Raises CommandNotStarted, IsolationImpossible.
    """
    arguments = limited_command(_resolved(command, cwd, env), limits, root)
    loop = asyncio.get_running_loop()
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            lambda: _Protocol(loop),
            *arguments,
            cwd=cwd,
            env=dict(env),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    )

    def started() -> LimitedProcess:
        transport, protocol = starting.result()
        return LimitedProcess(
            asyncio.subprocess.Process(transport, protocol, loop),
            protocol,
            transport,
            mark,
            limits.memory_mib,
        )

    try:
        await asyncio.shield(starting)
    except (OSError, ValueError) as problem:
        raise CommandNotStarted(f"`{command[0]}` could not be started: {problem}.") from problem
    except asyncio.CancelledError:
        # Cancelled itself, the start would end the process alone, and wait for all that it has started.
        await asyncio.wait({starting})
        if not starting.cancelled() and starting.exception() is None:
            await started().end()
        raise
    return started()


async def run_process(
    command: Sequence[str],
    *,
    root: Path,
    cwd: Path,
    env: Mapping[str, str],
    limits: Limits,
    standard_input: bytes,
    mark: str,
    on_output: Callable[[str], None] | None = None,
    on_process: Callable[[ProcessIdentity], Awaitable[None]] | None = None,
) -> ProcessOutcome:
    """Runs `command` to its end.

    On time-out and on cancellation the whole process tree is ended before this returns or raises; so is what
    the command left behind when it ended by itself. Raises CommandNotStarted, IsolationImpossible.
    """
    process = await start_process(command, root=root, cwd=cwd, env=env, limits=limits, mark=mark)
    capture = OutputCapture(limits.output_kib * 1024, on_output)
    work = asyncio.gather(
        _fed(process, standard_input),
        capture.read(process.stdout, wanted=True),
        capture.read(process.stderr, wanted=False),
    )
    timed_out = False
    try:
        if on_process is not None:
            await on_process(process.identity)
        try:
            await asyncio.wait_for(process.has_exited(), limits.timeout_s)
        except TimeoutError:
            timed_out = True
    finally:
        await process.end(work)
    exit_code = process.exit_code if process.exit_code is not None else -9
    return ProcessOutcome(
        exit_code,
        capture.output.text(),
        capture.errors.text(),
        capture.tail.text(),
        timed_out,
        process.memory_problem,
    )


def child_environment(allowed: Sequence[str], own: Mapping[str, str]) -> dict[str, str]:
    """The variables a step's process sees: those of ours that are allowed, and the run's own."""
    inherited = {name: value for name in allowed if (value := os.environ.get(name)) is not None}
    return {**inherited, **own}


def _resolved(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> list[str]:
    if not command or not command[0]:
        raise CommandNotStarted("The command is empty.")
    for argument in command:
        if "\0" in argument:
            raise CommandNotStarted("The command has a NUL character in an argument.")
    name = command[0]
    if os.sep in name:
        # A relative path is the step's own: it starts from the step's folder, not from ours.
        path = Path(name) if Path(name).is_absolute() else cwd / name
        found = str(path) if path.is_file() and os.access(path, os.X_OK) else None
    else:
        found = shutil.which(name, path=env.get("PATH", os.defpath))
    if found is None:
        raise CommandNotStarted(f"`{name}` was not found, or is not a program that may be executed.")
    return [found, *command[1:]]


async def _fed(process: LimitedProcess, data: bytes) -> None:
    await process.write(data)
    await process.close_input()


class _Protocol(asyncio.subprocess.SubprocessStreamProtocol):
    """Knows when the process itself has ended; `Process.wait` also waits for whoever holds its pipes."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(limit=_CHUNK_BYTES, loop=loop)
        self.exited = asyncio.Event()

    def process_exited(self) -> None:
        super().process_exited()
        self.exited.set()


async def _finished(
    process: asyncio.subprocess.Process, protocol: _Protocol, work: asyncio.Future[Any] | None, mark: str
) -> None:
    if process.returncode is None:
        await end_process_tree(process.pid, mark)
        await protocol.exited.wait()
    # What a command leaves behind in its group ends with it. A process that detached itself on purpose (a
    # session of its own) is left alone after a normal end; it is ended with the rest on time-out and on
    # cancellation.
    elif group_has_members(process.pid):
        await end_process_tree(process.pid, None)
    if work is None:
        return
    # Pipes stay open as long as somebody holds them; what is in them gets a moment to be read out.
    _, unread = await asyncio.wait({work}, timeout=_DRAIN_S)
    if unread:
        work.cancel()
    with suppress(asyncio.CancelledError):
        await work


class OutputCapture:
    """Where the output goes: bounded texts for the result, last lines for people, pieces for who listens."""

    def __init__(self, limit_bytes: int, on_output: Callable[[str], None] | None) -> None:
        self.output = BoundedOutput(limit_bytes)
        self.errors = BoundedOutput(limit_bytes)
        self.tail = LastLines()
        self._on_output = on_output

    async def read(self, stream: asyncio.StreamReader | None, *, wanted: bool) -> None:
        """Reads a pipe to its end; `wanted` output is the result's, other output is for people only."""
        if stream is None:
            return
        target = self.output if wanted else self.errors
        text = TextStream()
        while chunk := await stream.read(_CHUNK_BYTES):
            target.add(chunk)
            self.show(text.text(chunk))
        self.show(text.text(b"", final=True))

    def show(self, piece: str) -> None:
        """Takes a piece of text that people shall see."""
        if not piece:
            return
        self.tail.add(piece)
        if self._on_output is not None:
            self._on_output(piece)
