"""What works in the background stops while a document is taken in."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from mplp_lsp.server import right_of_way
from mplp_lsp.server.imports import import_one


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that nobody has imported yet."""
    (tmp_path / "mplp_nobody_knows_it.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(right_of_way, "_is_on", True)
    yield "mplp_nobody_knows_it"
    sys.modules.pop("mplp_nobody_knows_it", None)


def _imported_in_a_thread(module: str) -> threading.Thread:
    thread = threading.Thread(target=import_one, args=(module,))
    thread.start()
    return thread


def test_an_import_in_the_background_goes_on_when_the_document_is_out(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        thread.join(0.05)
        assert module not in sys.modules
    thread.join(30)
    assert module in sys.modules


def test_an_import_that_the_loop_may_wait_for_does_not_stop_for_ever(module: str) -> None:
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        thread.join(30)
        assert module in sys.modules


def test_who_answers_does_not_stop_for_himself(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    began = time.monotonic()
    with right_of_way.taken():
        import_one(module)
    assert time.monotonic() - began < 30


def test_until_the_first_findings_are_out_nobody_stops(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "_is_on", False)
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    with right_of_way.taken():
        assert not right_of_way.is_taken()
        thread = _imported_in_a_thread(module)
        thread.join(30)
        assert module in sys.modules


@pytest.mark.parametrize("waits", [import_one, importlib.import_module])
def test_an_import_that_somebody_waits_for_goes_on(
    module: str, waits: Callable[[str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        thread.join(0.05)
        assert module not in sys.modules
        began = time.monotonic()
        waits(module)
        assert time.monotonic() - began < 30
    thread.join(30)


def test_a_module_that_stopped_is_as_any_other(module: str) -> None:
    with right_of_way.taken():
        _imported_in_a_thread(module).join(30)
    found = sys.modules[module]
    assert found.__spec__ is not None
    assert isinstance(found.__loader__, SourceFileLoader)
    assert found.__spec__.loader is found.__loader__


def test_while_an_import_stops_others_are_not_held_up(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mplp_somebody_else.py").write_text("", encoding="utf-8")
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        thread.join(0.05)
        importlib.import_module("mplp_somebody_else")
        assert module not in sys.modules
    thread.join(30)
    sys.modules.pop("mplp_somebody_else")


def test_this_python_notes_who_waits_for_an_import() -> None:
    notes = sys.modules["_frozen_importlib"]._blocking_on  # type: ignore[attr-defined]
    assert isinstance(getattr(notes, "data", notes), dict)


async def test_work_that_has_not_begun_waits_without_holding_the_loop_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(right_of_way, "_is_on", True)
    with right_of_way.taken():
        waiting = asyncio.ensure_future(right_of_way.until_free(60.0))
        await asyncio.sleep(0)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 30)
