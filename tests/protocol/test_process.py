"""What all sessions of one process share."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import pytest

from mplp_lsp.server.process import ServerProcess


async def test_a_module_that_is_being_imported_is_not_handed_out_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_to_import.py").write_text(
        "import tests.protocol.test_process as t\nt.GATE.wait(10)\nwhole = 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    process = ServerProcess()
    try:
        first = asyncio.ensure_future(process.imported("slow_to_import"))
        while "slow_to_import" not in sys.modules:
            await asyncio.sleep(0)
        second = asyncio.ensure_future(process.imported("slow_to_import"))
        await asyncio.sleep(0)
        assert not second.done()
        GATE.set()
        assert [module.whole for module in (await first, await second)] == [1, 1]
    finally:
        GATE.set()
        sys.modules.pop("slow_to_import", None)
        await process.close()


GATE = threading.Event()
