"""A PostgreSQL server of the tests' own: on loopback, on a free port, in a folder that goes with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# No syncing: the machine of a test does not lose power, and the disk is shared.
_OPTIONS = "listen_addresses=127.0.0.1 -c fsync=off -p {port} -k {folder}"
_ATTEMPTS = 5


@dataclass(frozen=True)
class Server:
    """A running server. `address` is what PostgresStore takes."""

    folder: Path
    port: int
    programs: Path

    @property
    def address(self) -> str:
        return f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def stop(self) -> None:
        """At once, as a crash would: connections are cut."""
        self._control("-m", "immediate", "-w", "stop")

    def start(self) -> None:
        options = f"-c {_OPTIONS.format(port=self.port, folder=self.folder)}"
        self._control("-w", "-t", "60", "-l", str(self.folder / "log"), "-o", options, "start")

    def _control(self, *arguments: str) -> None:
        run_as_postgres([str(self.programs / "pg_ctl"), "-D", str(self.folder / "data"), *arguments])


def programs() -> Path | None:
    """The folder of the newest installed server; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def run_as_postgres(command: list[str]) -> None:
    """The server refuses to run as root. Output goes nowhere: a pipe would stay open as long as it runs."""
    prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    subprocess.run(
        [*prefix, *command],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=90,
        cwd="/",
    )


@contextmanager
def running_server() -> Iterator[Server]:
    """Made anew, gone afterwards."""
    found = programs()
    assert found is not None, "PostgreSQL is not installed: bash tests/setup_services.sh"
    folder = Path(tempfile.mkdtemp(prefix="mplp-pg-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    try:
        run_as_postgres(
            [
                str(found / "initdb"),
                "-D",
                str(folder / "data"),
                "-U",
                "postgres",
                "--auth=trust",
                "-E",
                "UTF8",
                "--no-locale",
                "-N",
            ]
        )
        server = _started(folder, found)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(folder: Path, found: Path) -> Server:
    """Another program may take the free port in between; then the next one is tried."""
    for attempt in range(_ATTEMPTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            server = Server(folder, probe.getsockname()[1], found)
        try:
            server.start()
        except subprocess.CalledProcessError:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")
