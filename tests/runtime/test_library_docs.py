"""docs/library.md is true: its documents are written, its examples typed in, its program started."""

from __future__ import annotations

import ast
import asyncio
import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

import mplp_runtime

PAGE = Path(__file__).parents[2] / "docs" / "library.md"
_FILE = re.compile(r"^`([\w.]+)`[^\n]*:\n\n```(?:json|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def page() -> str:
    return PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return [text for word, text in _BLOCK.findall(page()) if word == language]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project of the page, in the folder `shop` of the current folder."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in _FILE.findall(page()):
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


def test_the_page_says_what_the_project_consists_of(shop: Path) -> None:
    assert sorted(path.name for path in shop.iterdir()) == [
        "mplp.toml",
        "release.plan.json",
        "shop.context.json",
    ]


def test_the_examples_are_true(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(blocks("pycon"))
    test = doctest.DocTestParser().get_doctest(text, {"Path": Path}, "library.md", str(PAGE), 0)
    assert len(test.examples) > 40
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    with asyncio.Runner() as loop:

        def run(code: CodeType, names: dict[str, Any]) -> None:
            # As `python -m asyncio` does it: what awaits is a coroutine, run on the one loop.
            made = FunctionType(code, names)()
            if inspect.iscoroutine(made):
                loop.run(made)

        monkeypatch.setattr(doctest, "exec", run, raising=False)
        results = runner.run(test, compileflags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, out=said.append)
    assert results.failed == 0, "".join(said)


def test_the_program_at_the_top_runs_as_it_stands(shop: Path) -> None:
    (program,) = blocks("python")
    (shop / "program.py").write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", "program.py"],
        cwd=shop,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "Release the shop completed\n", "")


def test_what_the_page_imports_is_what_the_package_offers() -> None:
    imported = set(re.findall(r"from mplp_runtime import (.*)", page()))
    names = {name.strip() for line in imported for name in line.split(",")}
    assert names <= set(mplp_runtime.__all__)
