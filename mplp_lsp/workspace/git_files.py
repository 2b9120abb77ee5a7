"""The files git knows or does not ignore, without letting the repository run anything."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from threading import Timer

# A repository's own configuration may name programs to start; listing files must start none (D9).
_SAFE = (
    "-c",
    "core.fsmonitor=false",
    "-c",
    f"core.hooksPath={os.devnull}",
    "-c",
    "core.untrackedCache=false",
)
_CHUNK_BYTES = 1 << 16


def _environment() -> dict[str, str]:
    # An editor started from a git hook hands down GIT_DIR and GIT_INDEX_FILE of another repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def git_files(root: Path, *, limit: int, timeout_s: float = 5.0) -> list[str] | None:
    """Paths relative to `root` with `/`, in git's order, at most `limit` + 1 of them (one more tells "cut").

    None where there is no git, where `root` is in no work tree, or where git did not answer in time: then the
    caller walks the folders itself.
    """
    program = shutil.which("git")
    if program is None:
        return None
    arguments = [program, *_SAFE, "ls-files", "-co", "--exclude-standard", "-z"]
    try:
        process = subprocess.Popen(  # noqa: S603 (argument list, program found on PATH)
            arguments,
            cwd=root,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None
    timer = Timer(timeout_s, process.kill)
    timer.daemon = True
    timer.start()
    try:
        paths, is_complete = _read(process, limit)
    finally:
        timer.cancel()
        process.kill()
        code = process.wait()
    return paths if code == 0 or not is_complete else None


def git_ignored(root: Path, paths: Iterable[str], *, timeout_s: float = 5.0) -> set[str] | None:
    """Those of `paths` (relative to `root`; files or folders, there or gone) that git ignores.

    A repository inside this one (a submodule, a clone) is asked about its own files; git itself refuses to
    answer for any path once one of them lies in a submodule. None where git cannot tell.
    """
    program = shutil.which("git")
    asked = list(paths)
    if program is None or not asked:
        return None if program is None else set()
    ignored: set[str] = set()
    for folder, inside in _by_repository(root, asked).items():
        told = _ignored_in(program, root / folder, inside, timeout_s)
        if told is None and not folder:
            return None
        prefix = f"{folder}/" if folder else ""
        ignored.update(prefix + path for path in told or ())
    return ignored


def _by_repository(root: Path, paths: Iterable[str]) -> dict[str, list[str]]:
    """The paths by the repository they lie in: `""` is that of `root`, others are named by their folder."""
    known: dict[str, str] = {"": ""}

    def repository_of(folder: str) -> str:
        asked: list[str] = []
        while folder not in known:
            asked.append(folder)
            if os.path.lexists(root / folder / ".git"):
                known[folder] = folder
            else:
                folder = folder.rpartition("/")[0]
        for below in asked:
            known[below] = known[folder]
        return known[folder]

    grouped: dict[str, list[str]] = {}
    for path in paths:
        folder = repository_of(path.rpartition("/")[0])
        grouped.setdefault(folder, []).append(path[len(folder) + 1 :] if folder else path)
    return grouped


def _ignored_in(program: str, folder: Path, paths: list[str], timeout_s: float) -> set[str] | None:
    try:
        answer = subprocess.run(  # noqa: S603 (argument list, program found on PATH)
            [program, *_SAFE, "check-ignore", "-z", "--stdin"],
            cwd=folder,
            env=_environment(),
            input=b"".join(os.fsencode(path) + b"\0" for path in paths),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=timeout_s,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # 1 means that none of them is ignored, above that git could not tell.
    if answer.returncode > 1:
        return None
    return {os.fsdecode(name) for name in answer.stdout.split(b"\0") if name}


def _read(process: subprocess.Popen[bytes], limit: int) -> tuple[list[str], bool]:
    """The listed paths, and whether git was read to its end."""
    paths: list[str] = []
    rest = b""
    assert process.stdout is not None  # noqa: S101 (we asked for a pipe)
    with process.stdout as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            *names, rest = (rest + chunk).split(b"\0")
            paths.extend(os.fsdecode(name) for name in names)
            if len(paths) > limit:
                return paths[: limit + 1], False
        process.wait()
    return paths, True


def without_vcs(paths: Iterable[str], skipped: frozenset[str]) -> list[str]:
    """Leaves out paths with a component in `skipped` (git lists vendored folders that were committed).

    A path that is in conflict stands several times in git's index and once here.
    """
    return [path for path in dict.fromkeys(paths) if skipped.isdisjoint(path.split("/")[:-1])]
