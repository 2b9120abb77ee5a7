"""The examples in docstrings of the runtime's lower half are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import mplp_runtime

PACKAGES = ("vsl", "events", "psg", "integration", "settings", "model")
MODULES = [
    f"mplp_runtime.{package}.{module.name}"
    for package in PACKAGES
    for module in pkgutil.iter_modules([f"{mplp_runtime.__path__[0]}/{package}"])
]


@pytest.mark.parametrize(
    "name", [*MODULES, "mplp_runtime.trust", "mplp_runtime.lazy_store", "mplp_runtime.state_opening"]
)
def test_examples_are_true(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) >= 12
