"""What works in the background stops while a document is taken in."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from mplp_lsp.server import right_of_way
from mplp_lsp.server.imports import import_one

LIMIT_S = 60.0


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a module that nobody has imported yet."""
    (tmp_path / "mplp_nobody_knows_it.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(right_of_way, "_is_on", True)
    yield "mplp_nobody_knows_it"
    sys.modules.pop("mplp_nobody_knows_it", None)


@pytest.fixture
def stops(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as somebody gives way; who does, waits until nobody has the right of way any more."""
    stopping = threading.Event()
    stop = right_of_way._stop

    def noted() -> None:
        stopping.set()
        stop()

    monkeypatch.setattr(right_of_way, "_stop", noted)
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", float("inf"))
    return stopping


def _imported_in_a_thread(module: str) -> threading.Thread:
    thread = threading.Thread(target=import_one, args=(module,), daemon=True)
    thread.start()
    return thread


def test_an_import_in_the_background_goes_on_when_the_document_is_out(
    module: str, stops: threading.Event
) -> None:
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        assert stops.wait(LIMIT_S)
        assert module not in sys.modules
    thread.join(LIMIT_S)
    assert module in sys.modules


def test_an_import_that_the_loop_may_wait_for_does_not_stop_for_ever(module: str) -> None:
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        thread.join(LIMIT_S)
        assert module in sys.modules


def test_who_answers_does_not_stop_for_himself(module: str, stops: threading.Event) -> None:
    with right_of_way.taken():
        import_one(module)
    assert module in sys.modules
    assert not stops.is_set()


def test_until_the_first_findings_are_out_nobody_stops(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(right_of_way, "_is_on", False)
    monkeypatch.setattr(right_of_way, "LONGEST_STOP_S", 60.0)
    with right_of_way.taken():
        assert not right_of_way.is_taken()
        thread = _imported_in_a_thread(module)
        thread.join(LIMIT_S)
        assert module in sys.modules


@pytest.mark.parametrize("waits", [import_one, importlib.import_module])
def test_an_import_that_somebody_waits_for_goes_on(
    module: str, waits: Callable[[str], object], stops: threading.Event
) -> None:
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        assert stops.wait(LIMIT_S)
        assert module not in sys.modules
        waiting = threading.Thread(target=waits, args=(module,), daemon=True)
        waiting.start()
        waiting.join(LIMIT_S)
        assert module in sys.modules
    thread.join(LIMIT_S)


def test_a_module_that_stopped_is_as_any_other(module: str) -> None:
    with right_of_way.taken():
        _imported_in_a_thread(module).join(LIMIT_S)
    found = sys.modules[module]
    assert found.__spec__ is not None
    assert isinstance(found.__loader__, SourceFileLoader)
    assert found.__spec__.loader is found.__loader__


def test_who_only_looks_for_a_module_in_the_background_is_told_all_about_it(module: str) -> None:
    found: list[object] = []

    def look() -> None:
        with right_of_way.giving_way():
            spec = importlib.util.find_spec(module)
            loader = spec.loader if spec is not None else None
            found.extend([loader.is_package(module), loader.get_code(module)])  # type: ignore[union-attr, attr-defined]

    with right_of_way.taken():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(LIMIT_S)
    assert found[0] is False
    assert isinstance(found[1], CodeType)


def test_while_an_import_stops_others_are_not_held_up(
    module: str, tmp_path: Path, stops: threading.Event
) -> None:
    (tmp_path / "mplp_somebody_else.py").write_text("", encoding="utf-8")
    with right_of_way.taken():
        thread = _imported_in_a_thread(module)
        assert stops.wait(LIMIT_S)
        importlib.import_module("mplp_somebody_else")
        assert module not in sys.modules
    thread.join(LIMIT_S)
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
