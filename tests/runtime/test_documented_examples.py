"""The examples in docstrings of the runtime are true."""

from __future__ import annotations

import doctest
import importlib.util
import pkgutil
from pathlib import Path

import pytest

import mplp_runtime

WITH_EXAMPLES = [
    module.name
    for module in pkgutil.walk_packages(mplp_runtime.__path__, "mplp_runtime.")
    if (spec := importlib.util.find_spec(module.name)) is not None
    and spec.origin is not None
    and ">>> " in Path(spec.origin).read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) >= 30
