from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mplp_runtime.vsl.interface import ValueStateLayer
from tests.runtime.vsl.postgres_server import Server, programs, running_server
from tests.runtime.vsl.stores import WITH_SERVER, WITHOUT_SERVER, make_store


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    if programs() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed: bash tests/setup_services.sh")
    with running_server() as server:
        yield server


@pytest.fixture
def address(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Starts the server when somebody needs it, once for all tests of a process."""

    def of_the_server() -> str:
        server: Server = request.getfixturevalue("postgres")
        return server.address

    return of_the_server


@pytest.fixture(params=[*WITHOUT_SERVER, *WITH_SERVER])
def store(
    request: pytest.FixtureRequest, tmp_path: Path, address: Callable[[], str]
) -> Iterator[ValueStateLayer]:
    made = make_store(request.param, tmp_path, address)
    yield made
    made.close()
