"""What a hardened step's process sees of the file system: the project, the system, and its own program."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mplp_runtime.kinds import STATE_FOLDER
from mplp_runtime.settings import Limits

_HIDDEN = ("/home", "/root", "/run", "/mnt", "/media", "/srv", "/var/tmp", "/tmp")  # noqa: S108 - inside the sandbox
_DEVICE_FOLDER = Path("/dev")
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_OF_A_PREFIX = ("bin", "sbin", "lib", "lib64", "libexec", "pyvenv.cfg")


def hardened_options(limits: Limits, root: Path, executable: str) -> list[str]:
    """Arguments for `bwrap`, up to the command: only the project can be written, but for its state.

    Homes, sockets and other people's files are not there at all, but for the programs in there: those that
    PATH names and the one that is started, with their libraries. The network is there if the limits allow it.
    """
    # What is mounted and what is hidden must be one folder, also for a project opened through a link.
    root = root.resolve()
    hidden = _hidden_folders()
    # An administrator would keep his rights in bubblewrap, and take away what is mounted over the state.
    options = ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]
    options += ["--ro-bind", "/", "/"]
    options += ["--dev", "/dev", "--proc", "/proc"]
    for folder in hidden:
        options += ["--tmpfs", str(folder)]
    for path in dict.fromkeys(_programs(executable)):
        if any(path.is_relative_to(folder) for folder in hidden):
            options += ["--ro-bind", str(path), str(path)]
    if limits.network:
        options.append("--share-net")
    options += ["--bind", str(root), str(root)]
    # What it did is recorded there, so it shall not have the last word; and what others returned.
    state = (root / STATE_FOLDER).resolve()
    if state.is_dir() and state.is_relative_to(root):
        options += ["--tmpfs", str(state), "--remount-ro", str(state)]
    return [*options, "--"]


def hardened_paths(root: Path, executable: str) -> dict[str, str | list[str]]:
    """The same for Landlock, as `confine.py` takes it: all else can be neither read nor written.

    The state is not kept from the step by it; `hidden_state` says what does.
    """
    root = root.resolve()
    hidden = [folder.resolve() for folder in _hidden_folders()]
    return {
        "readable": [*map(str, _shown(Path("/"), hidden)), *dict.fromkeys(map(str, _programs(executable)))],
        "writable": [str(root)],
        "devices": [f"/dev/{name}" for name in _DEVICES],
        "temporary": str(root / STATE_FOLDER / "tmp"),
    }


def hidden_state(root: Path) -> dict[str, str]:
    """More for `confine.py`: the project's state cannot be reached, where a process may have own mounts."""
    return {"hidden": str(root.resolve() / STATE_FOLDER)}


def _shown(folder: Path, hidden: list[Path]) -> Iterator[Path]:
    """What lies in a folder but for the hidden ones, in as few paths as say it."""
    for path in sorted(folder.iterdir()):
        real = path.resolve()
        if path == _DEVICE_FOLDER or any(real.is_relative_to(each) for each in hidden):
            continue
        if any(each.is_relative_to(real) for each in hidden):
            if not path.is_symlink():
                yield from _shown(path, hidden)
        else:
            yield path


def _hidden_folders() -> list[Path]:
    named = (*_HIDDEN, os.environ.get("HOME", ""))
    folders = dict.fromkeys(Path(each) for each in named if each.startswith("/") and each.strip("/"))
    return [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]


def _programs(executable: str) -> Iterator[Path]:
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        if folder.startswith("/") and Path(folder).is_dir():
            yield from _program_files(Path(folder))
    # A link's own folder and what it leads to: the interpreter of a virtual environment is one.
    for path in (Path(executable), Path(executable).parent / "python"):
        if path.is_file():
            yield from _program_files(path.parent)
            yield from _program_files(path.resolve().parent)


def _program_files(folder: Path) -> Iterator[Path]:
    if folder.name not in {"bin", "sbin"}:
        yield folder
        return
    for name in _OF_A_PREFIX:
        if (folder.parent / name).exists():
            yield folder.parent / name
