"""A bug of ours is one line and an exit code; the rest is for those who ask for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from mplp_lsp.cli import check
from mplp_lsp.cli.main import main


@pytest.fixture(autouse=True)
def _same_log_afterwards() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def broken(*_arguments: object, **_options: object) -> int:
    logging.getLogger("mplp_runtime").error("Something is \x1b[2Jodd.", exc_info=ValueError("inner"))
    raise RuntimeError("this should not happen\nat all")


def test_a_bug_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MPLP_LSP_DEBUG", raising=False)
    monkeypatch.setattr(check, "check_command", broken)
    assert main(["check", str(tmp_path)]) == 70
    told = capsys.readouterr().err
    assert "internal error, a bug of mplp-lsp (RuntimeError: this should not happen)." in told
    assert "Traceback" not in told
    assert "\x1b" not in told


def test_whoever_asks_sees_where_it_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MPLP_LSP_DEBUG", "1")
    monkeypatch.setattr(check, "check_command", broken)
    assert main(["check", str(tmp_path)]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_a_path_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "no\x1b[2Jsuch.plan.json"]) == 2
    assert "\x1b" not in capsys.readouterr().err


def test_an_interrupt_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_arguments: object, **_options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(check, "check_command", interrupted)
    assert main(["check", str(tmp_path)]) == 130
