"""The thread on which runtimes live, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from mplp_lsp.server.runtime_host import RuntimeHost
from mplp_runtime.errors import StoreError
from mplp_runtime.runtime import Runtime


async def test_work_that_loses_its_state_because_the_server_leaves_is_no_bug(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    host = RuntimeHost()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def late(runtime: Runtime) -> None:
        loop.call_soon_threadsafe(begun.set)
        while not runtime_is_closed(runtime):
            await asyncio.sleep(0)
        runtime.vsl.read(lambda reading: reading.get("x"))

    working = asyncio.ensure_future(host.run(tmp_path, late))
    await begun.wait()
    with caplog.at_level(logging.DEBUG):
        await host.close()
        with pytest.raises(asyncio.CancelledError):
            await working
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


async def test_work_that_fails_while_the_server_goes_on_tells_who_asked(tmp_path: Path) -> None:
    host = RuntimeHost()

    async def failing(_runtime: Runtime) -> None:
        raise StoreError("The disk is full.")

    with pytest.raises(StoreError, match="The disk is full"):
        await host.run(tmp_path, failing)
    await host.close()


def runtime_is_closed(runtime: Runtime) -> bool:
    try:
        runtime.vsl.read(lambda reading: reading.get("x"))
    except StoreError:
        return True
    return False


async def test_whoever_waits_for_work_hears_of_its_end_before_the_thread_is_gone(tmp_path: Path) -> None:
    host = RuntimeHost()
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def endless(_runtime: Runtime) -> None:
        loop.call_soon_threadsafe(begun.set)
        await asyncio.Event().wait()

    working = asyncio.ensure_future(host.run(tmp_path, endless))
    await begun.wait()
    await host.close()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, timeout=10)
