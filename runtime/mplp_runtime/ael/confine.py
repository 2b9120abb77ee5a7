"""A program that confines itself by what the kernel offers to everybody, then becomes its command.

    python -I -S confine.py OPTIONS PROGRAM [ARGUMENT ...]

It stands in where `prlimit`, `setpriv`, bubblewrap or namespaces are missing. OPTIONS is a JSON object:

- `resources`: resource limits by name, each `[soft, hard]`
- `dies_with`: process id of the parent with which the command ends
- `readable`, `writable`, `devices`: paths; with these nothing else can be read, executed or written
  (Landlock), no process outside can be looked into, and the rights of an administrator are given up
- `temporary`: a folder for temporary files, which is made; it is the home, too
- `hidden`: a folder of which nothing can be reached or changed but `temporary`, if that is in it (mounts of
  its own; in a kernel that lets nobody make them the command is not started)
- `families`: the only kinds of sockets that can be made (seccomp); absent for all kinds

It imports nothing of this package, because it runs alone. What cannot be done ends it before the command
begins: a limit is kept or the step fails.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NOT_CONFINED = 125
"""Exit code where the command was not started."""

LEAST_LANDLOCK = 3
"""Before its third version, files that cannot be written could still be cut off."""

_SET_DEATH_SIGNAL, _SET_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 1, 38, 22, 2
_NEW_MOUNTS, _NEW_USERS = 0x00020000, 0x10000000
_READ_ONLY, _NO_RIGHTS, _REMOUNT, _BIND, _RECURSIVE, _PRIVATE = 1, 2 | 4, 32, 4096, 16384, 1 << 18
_DROP_FOR_EVER, _CAPABILITIES_3 = 24, 0x20080522
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH, _VERSION = 1, 1

_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
_OF_A_FILE = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
_RIGHTS = {3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights about files by the version that brought the last of them."""
_WITH_SCOPES, _SCOPES = 6, 0b11
"""From this version on: no abstract sockets of others, no signals to others."""

# By machine: the kernel's word for it, and the numbers of socket, ptrace and process_vm_writev.
_MACHINES = {
    "x86_64": (0xC000003E, 41, 101, 311),
    "aarch64": (0xC00000B7, 198, 117, 271),
    "riscv64": (0xC00000F3, 198, 117, 271),
}
_TAKE_DESCRIPTOR, _SECOND_WAY_TO_SOCKETS = 438, 425  # pidfd_getfd, io_uring_setup
_SECOND_NUMBERS = 0x40000000  # x32
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NOT_PERMITTED, _ACCESS_DENIED, _NOT_THERE = 1, 13, 38

_library = ctypes.CDLL(None, use_errno=True)


def main(arguments: Sequence[str]) -> None:
    """Does not return: the process becomes the command, or ends with NOT_CONFINED."""
    options, command = json.loads(arguments[0]), list(arguments[1:])
    try:
        confine(options)
        os.execv(command[0], command)  # noqa: S606 - an argument list, and no shell
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"mplp-lsp could not confine this command, so it was not started: {problem}\n")
    sys.exit(NOT_CONFINED)


def confine(options: Mapping[str, Any]) -> None:
    """Applies all options to this process. Raises OSError where the kernel refuses."""
    for name, limits in options.get("resources", {}).items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name.upper()}"), tuple(limits))
    if sys.platform != "linux":
        return
    _checked("prctl", _library.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    if "temporary" in options:
        os.makedirs(options["temporary"], mode=0o700, exist_ok=True)  # noqa: PTH103 - as below
        # A home that may not be looked into is an error to git and others; an empty one is not.
        os.environ["TMPDIR"] = os.environ["HOME"] = options["temporary"]
    if "hidden" in options:
        hide(options["hidden"], options.get("temporary"))
    parent = options.get("dies_with")
    if parent is not None:
        _checked("prctl", _library.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0))
        if os.getppid() != parent:
            raise OSError("whoever started it is gone")
    if "writable" in options:
        drop_capabilities()
        restrict_files(options["readable"], options["writable"], options["devices"])
    if "families" in options:
        restrict_sockets(options["families"])


def hide(folder: str, keep: str | None) -> None:
    """From now on the folder is empty and cannot be changed, for this process and all that it starts.

    Landlock cannot do this: whoever may make files in a folder may do so in the folders below it. `keep`, a
    folder in it, stays as it is.
    """
    _make_own_mounts()
    kept = os.open(keep, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC) if keep else None
    _mount("tmpfs", folder, "tmpfs", _NO_RIGHTS, "mode=0755")
    if keep and kept is not None:
        os.mkdir(keep)  # noqa: PTH102 - as below
        _mount(f"/proc/self/fd/{kept}", keep, None, _BIND)
        os.close(kept)
    _mount(None, folder, None, _REMOUNT | _READ_ONLY | _NO_RIGHTS)


def _make_own_mounts() -> None:
    user, group = os.getuid(), os.getgid()
    if _library.unshare(_NEW_MOUNTS) != 0:
        # Who is no administrator is one among users of its own, and stays who it is in files.
        _checked("unshare", _library.unshare(_NEW_MOUNTS | _NEW_USERS))
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{user} {user} 1"),
            ("gid_map", f"{group} {group} 1"),
        ):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123 - as below
                file.write(text)
    _mount(None, "/", None, _RECURSIVE | _PRIVATE)


def _mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    texts = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    done = _library.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    _checked(f"mount {target}", done)


def drop_capabilities() -> None:
    """Gives up what an administrator may do: with it, memory of others can be read past Landlock."""
    capability = 0
    # Refused to who has none to give up, and at the first number that the kernel does not know.
    while _library.prctl(_DROP_FOR_EVER, capability, 0, 0, 0) == 0:
        capability += 1
    header, nothing = struct.pack("=Ii", _CAPABILITIES_3, 0), bytes(24)
    _checked("capset", _library.capset(header, nothing))


def landlock_version() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_library.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION)))


def keeps_signals() -> bool:
    """Whether Landlock keeps a process from signalling others and from their abstract sockets."""
    return landlock_version() >= _WITH_SCOPES


def knows_machine() -> bool:
    """Whether the numbers of system calls are known here, which a filter for them needs."""
    return sys.platform == "linux" and os.uname().machine in _MACHINES


def restrict_files(readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> None:
    """From now on nothing else can be read, executed or written. A path that is not there is left out."""
    version = landlock_version()
    if version < LEAST_LANDLOCK:
        raise OSError("this kernel has no Landlock that is new enough")
    rights = _RIGHTS[5 if version >= 5 else 3]
    attributes = struct.pack("=QQQ", rights, 0, _SCOPES if version >= _WITH_SCOPES else 0)
    size = 24 if version >= _WITH_SCOPES else 16 if version >= 4 else 8
    rules = _checked("landlock", _library.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    devices_rights = rights & (1 << 1 | 1 << 2 | 1 << 15)
    for paths, allowed in ((readable, _READ), (writable, rights), (devices, devices_rights)):
        for path in paths:
            _allow(rules, path, allowed)
    _checked("landlock", _library.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    try:
        found = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not os.path.isdir(path):  # noqa: PTH112 - pathlib costs every step its import
            rights &= _OF_A_FILE
        rule = struct.pack("=Qi", rights, found)
        _checked("landlock", _library.syscall(_ADD_RULE, rules, _PATH_BENEATH, rule, 0))
    finally:
        os.close(found)


def restrict_sockets(families: Iterable[int]) -> None:
    """From now on only sockets of these families can be made, and none can be taken from another process."""
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        raise OSError(f"the system calls of {os.uname().machine} are not known")
    program = b"".join(_filter(*machine, list(families)))
    instructions = ctypes.create_string_buffer(program)
    count = len(program) // 8
    header = struct.pack("@HP", count, ctypes.addressof(instructions))
    _checked("seccomp", _library.prctl(_SET_SECCOMP, _FILTER, ctypes.create_string_buffer(header), 0, 0))


def _filter(machine: int, socket: int, trace: int, write: int, families: list[int]) -> Iterable[bytes]:
    yield _instruction(_LOAD, 4)
    yield _instruction(_IF_EQUAL, machine, then=1)
    yield _instruction(_RETURN, _KILL)
    yield _instruction(_LOAD, 0)
    yield _instruction(_IF_AT_LEAST, _SECOND_NUMBERS, otherwise=1)
    yield _instruction(_RETURN, _KILL)
    for call in (trace, write, _TAKE_DESCRIPTOR):
        yield _instruction(_IF_EQUAL, call, otherwise=1)
        yield _instruction(_RETURN, _REFUSE | _NOT_PERMITTED)
    yield _instruction(_IF_EQUAL, _SECOND_WAY_TO_SOCKETS, otherwise=1)
    yield _instruction(_RETURN, _REFUSE | _NOT_THERE)
    yield _instruction(_IF_EQUAL, socket, then=1)
    yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_LOAD, 16)
    for family in families:
        yield _instruction(_IF_EQUAL, family, otherwise=1)
        yield _instruction(_RETURN, _ALLOW)
    yield _instruction(_RETURN, _REFUSE | _ACCESS_DENIED)


def _instruction(code: int, value: int, *, then: int = 0, otherwise: int = 0) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _checked(what: str, result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
