"""Modules that are imported by several threads at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mplp_lsp.server.imports import import_one


def module(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.py").write_text(text)


def test_a_module_that_another_thread_is_still_making_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module(
        tmp_path,
        "half_made_here",
        "from pathlib import Path\n"
        f"tries = Path({str(tmp_path / 'tries')!r})\n"
        "tries.write_text((tries.read_text() if tries.exists() else '') + 'x')\n"
        "if len(tries.read_text()) < 3:\n"
        "    raise ImportError(\"cannot import name 'A' from partially initialized module 'b'\")\n"
        "value = 7\n",
    )
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert import_one("half_made_here").value == 7
    finally:
        sys.modules.pop("half_made_here", None)


def test_a_module_that_is_not_there_is_told_at_once() -> None:
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        import_one("nowhere_to_be_found")
