"""Sessions of the real VS Code take long to start, so all tests look at the same two."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.editors.installation import SERVER, need
from tests.editors.project import write_project
from tests.editors.shop import write_shop
from tests.editors.vscode_session import Session, build_extensions, install_extensions, run_session


@pytest.fixture(scope="package")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    need("mplp-lsp", SERVER)
    return build_extensions(tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="package")
def trusted(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Someone who runs plans in a folder that is trusted from the start."""
    folder, project = prepared(packages, tmp_path_factory, "trusted")
    return run_session(folder, project, "trusted", is_trusted=True)


@pytest.fixture(scope="package")
def untrusted(packages: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Someone who comes to a folder that is not trusted, trusts it, and then writes documents there."""
    folder, project = prepared(packages, tmp_path_factory, "untrusted")
    write_shop(project)
    return run_session(folder, project, "untrusted", is_trusted=False)


def prepared(packages: list[Path], folders: pytest.TempPathFactory, scenario: str) -> tuple[Path, Path]:
    """A folder for a session, with VS Code's extensions installed, and the project in it."""
    folder = folders.mktemp(scenario)
    install_extensions(folder, packages)
    project = folder / "project"
    project.mkdir()
    return folder, write_project(project)
