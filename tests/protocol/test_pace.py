"""Answers that were quick are given on the loop; those that are not go to a worker, and are the same."""

from __future__ import annotations

import inspect
import threading
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.features import Stopped
from mplp_lsp.server.answering import answer_of
from mplp_lsp.server.pace import QUICK_S, READ_AT_ONCE_CHARACTERS, Pace, read_only_so_far
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.server.routes import Route
from tests.protocol.test_answering import at_character, bench

METHOD = "textDocument/hover"


def route(name: str) -> Route:
    return Route(METHOD, f"tests.protocol.fake_features:{name}", runs="quick")


async def answered(process: ServerProcess, tmp_path: Path, name: str, **more: Any) -> tuple[bytes, bool]:
    """The answer's JSON, and whether it was there at once."""
    answer = answer_of(process, bench(tmp_path), route(name), at_character(tmp_path, 0), **more)
    is_at_once = not inspect.isawaitable(answer)
    encoded: Any = answer if is_at_once else await answer  # type: ignore[misc]
    return encoded.json, is_at_once


def known_as_quick(process: ServerProcess, tmp_path: Path, seconds: float = 0.0) -> None:
    process.pace.took(METHOD, bench(tmp_path).document((tmp_path / "a.plan.json").as_uri()), seconds)


async def test_the_first_answer_comes_from_a_worker_and_the_next_one_from_the_loop(tmp_path: Path) -> None:
    process = ServerProcess()
    worker, is_at_once = await answered(process, tmp_path, "thread_name")
    assert not is_at_once
    assert b"mplp-work" in worker
    known_as_quick(process, tmp_path)
    assert await answered(process, tmp_path, "thread_name") == (
        f'"{threading.current_thread().name}"'.encode(),
        True,
    )
    await process.close()


async def test_after_a_large_change_nothing_is_expected_to_be_quick(tmp_path: Path) -> None:
    process = ServerProcess()
    known_as_quick(process, tmp_path)
    _, is_at_once = await answered(process, tmp_path, "thread_name", may_be_quick=False)
    assert not is_at_once
    await process.close()


async def test_what_takes_longer_than_expected_is_begun_anew_in_a_worker(tmp_path: Path) -> None:
    process = ServerProcess()
    known_as_quick(process, tmp_path)
    assert await answered(process, tmp_path, "long_on_the_loop") == (b'"done"', False)
    await process.close()


def test_an_answer_is_expected_to_take_as_long_as_the_last_one() -> None:
    pace = Pace()
    assert not pace.is_quick(METHOD, None)
    pace.took(METHOD, None, QUICK_S)
    assert pace.is_quick(METHOD, None)
    assert not pace.is_quick("textDocument/completion", None)
    pace.took(METHOD, None, QUICK_S * 2)
    assert not pace.is_quick(METHOD, None)


def test_a_large_closed_document_is_not_read_on_the_loop(tmp_path: Path) -> None:
    padding = " " * READ_AT_ONCE_CHARACTERS
    for name, text in (("small.plan.json", "{}"), ("large.plan.json", "{}" + padding)):
        (tmp_path / name).write_text(text)
    made = bench(tmp_path)
    made.workspace.refresh(tmp_path.iterdir())
    seen = read_only_so_far(made.snapshot())
    small, large, opened = ((tmp_path / f"{name}.plan.json").as_uri() for name in ("small", "large", "a"))
    assert seen.document(small) is made.document(small)
    assert seen.document(opened) is made.document(opened)
    assert seen.document((tmp_path / "none.plan.json").as_uri()) is None
    with pytest.raises(Stopped):
        seen.document(large)
    with pytest.raises(Stopped):
        list(seen.documents.closed.items())
