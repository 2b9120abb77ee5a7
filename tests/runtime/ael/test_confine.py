"""What a process is kept to where the usual programs are missing: real processes, the kernel's own means."""

from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mplp_runtime.ael import confine, isolation
from mplp_runtime.settings import Limits
from tests.runtime.ael.test_tool_call import execute, python

CONFINE = [sys.executable, "-I", "-S", confine.__file__]

needs_landlock = pytest.mark.skipif(not isolation._starts("landlock"), reason="this kernel has no Landlock")
needs_filter = pytest.mark.skipif(not isolation._starts("sockets"), reason="no filter of system calls here")

Without = Callable[..., None]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Without:
    """Has the named programs look as if they were not installed."""
    found = shutil.which

    def hide(*names: str) -> None:
        monkeypatch.setattr(
            shutil, "which", lambda name, **more: None if name in names else found(name, **more)
        )

    return hide


async def test_without_prlimit_all_limits_hold_from_the_first_moment(
    tmp_path: Path, without: Without
) -> None:
    without("prlimit", "setpriv")
    code = (
        "from resource import *;"
        "print([getrlimit(which) for which in (RLIMIT_CPU, RLIMIT_DATA, RLIMIT_NOFILE)])"
    )
    result = await execute(python(tmp_path, code, limits=Limits(cpu_s=7, memory_mib=300, open_files=48)))
    assert result.output == f"{[(7, 8), (300 * 2**20,) * 2, (48, 48)]}\n"


@pytest.mark.parametrize("missing", ["prlimit", "setpriv"])
async def test_one_program_that_is_missing_does_not_take_the_others_away(
    tmp_path: Path, without: Without, missing: str
) -> None:
    without(missing)
    code = (
        "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE)[0]);"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('NoNewPrivs')])"
    )
    result = await execute(python(tmp_path, code, limits=Limits(open_files=48)))
    assert result.output == "48\n['1']\n"


async def test_memory_and_processor_time_end_a_step_without_prlimit(tmp_path: Path, without: Without) -> None:
    without("prlimit")
    greedy = await execute(python(tmp_path, "bytearray(400 * 2**20)", limits=Limits(memory_mib=200)))
    assert not greedy.success
    assert "MemoryError" in greedy.tail
    busy = await execute(python(tmp_path, "while True: pass", limits=Limits(cpu_s=1)))
    assert busy.error == "Stopped after 1 s of processor time, the limit `cpu_s`."


def test_the_command_ends_with_who_started_it_also_without_setpriv(tmp_path: Path) -> None:
    """The one in the middle is killed; what it started must be gone."""
    middle = (
        "import json, os, subprocess, sys, time\n"
        "options = json.dumps({'dies_with': os.getpid()})\n"
        "sleeper = [sys.executable, '-c', 'import time; print(1, flush=True); time.sleep(600)']\n"
        f"child = subprocess.Popen([*{CONFINE!r}, options, *sleeper], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", middle], stdout=subprocess.PIPE)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    descriptor = os.pidfd_open(pid)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    process.stdout.close()
    ended, _, _ = select.select([descriptor], [], [], 60)
    os.close(descriptor)
    assert ended, "the command outlived who started it"


def test_a_command_whose_starter_is_gone_does_not_begin(tmp_path: Path) -> None:
    options = json.dumps({"dies_with": os.getpid() + 1})
    done = subprocess.run(
        [*CONFINE, options, "/bin/echo", "begun"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (confine.NOT_CONFINED, "")
    assert "was not started: whoever started it is gone" in done.stderr


@needs_landlock
async def test_without_bubblewrap_a_hardened_step_writes_in_the_project_only(
    tmp_path: Path, without: Without
) -> None:
    without("bwrap")
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").write_text("secret")
    code = f"""
import os, tempfile
secret = {str(tmp_path / "secret")!r}
def tried(name, act):
    try: act(); print(name, 'done')
    except OSError as problem: print(name, problem.strerror)
tried('inside', lambda: open('inside', 'w').write('1'))
tried('temporary', lambda: tempfile.TemporaryFile().write(b'1'))
tried('nothing', lambda: open('/dev/null', 'w').write('1'))
tried('system', lambda: open('/etc/passwd').read())
tried('read', lambda: open(secret).read())
tried('write', lambda: open(secret, 'a'))
tried('cut off', lambda: os.truncate(secret, 0))
tried('remove', lambda: os.unlink(secret))
tried('rename', lambda: os.rename(secret, 'inside'))
tried('list', lambda: os.listdir({str(tmp_path)!r}))
tried('link', lambda: (os.symlink(secret, 'link'), open('link').read()))
tried('parent', lambda: open(f'/proc/{{os.getppid()}}/environ').read())
tried('signal', lambda: os.kill(os.getppid(), 0))
"""
    result = await execute(python(tmp_path / "project", code, limits=Limits(hardened=True)))
    assert result.output.splitlines() == [
        "inside done",
        "temporary done",
        "nothing done",
        "system done",
        "read Permission denied",
        "write Permission denied",
        "cut off Permission denied",
        "remove Permission denied",
        "rename Permission denied",
        "list Permission denied",
        "link Permission denied",
        "parent Permission denied",
        f"signal {'Operation not permitted' if confine.keeps_signals() else 'done'}",
    ]
    assert (tmp_path / "secret").read_text() == "secret"


@needs_landlock
@pytest.mark.parametrize("opened", ["project", "link"])
@pytest.mark.parametrize("program", ["bwrap", "landlock"])
async def test_a_hardened_step_neither_reads_nor_writes_the_state_of_its_project(
    tmp_path: Path, without: Without, program: str, opened: str
) -> None:
    if program == "landlock":
        without("bwrap")
    if not isolation._starts("mounts" if program == "landlock" else "bwrap"):
        pytest.skip("nobody may make mounts here")
    root = tmp_path / opened
    state = tmp_path / "project" / ".mplp"
    (state / "traces").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "project")
    (state / "state.db").write_text("state")
    code = """
import os, subprocess, tempfile
def tried(name, act):
    try: act(); print(name, 'done')
    except OSError as problem: print(name, 'refused')
tried('beside', lambda: open('new', 'w').write('1'))
tried('temporary', lambda: tempfile.NamedTemporaryFile(delete=False).write(b'1'))
tried('read', lambda: open('.mplp/state.db').read())
tried('write', lambda: open('.mplp/state.db', 'w').write('spoilt'))
tried('make', lambda: open('.mplp/traces/new', 'w'))
tried('remove', lambda: os.unlink('.mplp/state.db'))
tried('move', lambda: os.rename('.mplp', 'old'))
def run(*command): subprocess.run(command, check=True, capture_output=True)
tried('unmount', lambda: run('umount', '.mplp'))
tried('own mounts', lambda: run('unshare', '-Um', 'umount', '.mplp'))
tried('as opened', lambda: open(os.path.join(OPENED, '.mplp', 'state.db')).read())
""".replace("except OSError", "except (OSError, subprocess.SubprocessError)")
    code = f"OPENED = {str(root)!r}\n{code}"
    result = await execute(python(root, code, limits=Limits(hardened=True)))
    refused = ["read", "write", "make", "remove", "move", "unmount", "own mounts", "as opened"]
    assert result.output.splitlines() == [
        "beside done",
        "temporary done",
        *(f"{each} refused" for each in refused),
    ], result.tail
    assert (state / "state.db").read_text() == "state"
    assert list((state / "traces").iterdir()) == []


@needs_landlock
async def test_where_nobody_may_make_mounts_it_is_told_that_the_state_can_be_written(
    tmp_path: Path, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    without("bwrap")
    starts = isolation._starts
    monkeypatch.setattr(isolation, "_starts", lambda name: name != "mounts" and starts(name))
    told = isolation.unenforced_limits(Limits(hardened=True))
    assert any("does not keep a process from `.mplp`" in line for line in told)
    result = await execute(python(tmp_path, "open('x', 'w'); print(1)", limits=Limits(hardened=True)))
    assert result.output == "1\n"


@needs_landlock
async def test_programs_that_look_into_their_home_find_an_empty_one(tmp_path: Path, without: Without) -> None:
    without("bwrap")
    code = (
        "import os, subprocess;"
        "print(os.listdir(os.path.expanduser('~')), subprocess.call(['git', 'init', '-q']))"
    )
    result = await execute(python(tmp_path, code, limits=Limits(hardened=True)))
    assert result.output == "[] 0\n", result.tail
    assert (tmp_path / ".git").is_dir()


@needs_landlock
async def test_what_a_hardened_step_starts_is_kept_to_the_same(tmp_path: Path, without: Without) -> None:
    without("bwrap")
    (tmp_path / "project").mkdir()
    (tmp_path / "secret").write_text("secret")
    code = f"import subprocess; print(subprocess.run(['cat', {str(tmp_path / 'secret')!r}]).returncode)"
    result = await execute(python(tmp_path / "project", code, limits=Limits(hardened=True)))
    assert result.output == "1\n"


REACH = """
import socket, sys
def tried(name, act):
    try: act(); print(name, 'done')
    except OSError as problem: print(name, problem.strerror)
tried('tcp', lambda: socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=20))
tried('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
tried('six', lambda: socket.socket(socket.AF_INET6))
tried('local', lambda: socket.socket(socket.AF_UNIX))
tried('pair', lambda: socket.socketpair())
"""
CLOSED = ["tcp Permission denied", "udp Permission denied", "six Permission denied"]


@needs_filter
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(), ["tcp done", "udp done", "six done", "local done", "pair done"]),
        (Limits(network=False), [*CLOSED, "local done", "pair done"]),
        pytest.param(
            Limits(hardened=True),
            ["tcp done", "udp done", "six done", "local Permission denied", "pair done"],
            marks=needs_landlock,
        ),
        pytest.param(
            Limits(hardened=True, network=False),
            [*CLOSED, "local Permission denied", "pair done"],
            marks=needs_landlock,
        ),
    ],
    ids=["as it is", "no network", "hardened", "hardened without network"],
)
async def test_without_namespaces_sockets_are_what_the_limits_allow(
    tmp_path: Path, without: Without, limits: Limits, expected: list[str]
) -> None:
    without("bwrap", "unshare")

    def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(taken, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = {"command": [sys.executable, "-c", REACH, str(port)]}
    result = await execute(python(tmp_path, "", limits=limits, settings=settings))
    server.close()
    await server.wait_closed()
    assert result.output.splitlines() == expected


@needs_filter
def test_a_socket_of_another_process_cannot_be_taken_over() -> None:
    held = socket.socket()
    code = (
        "import ctypes, os; library = ctypes.CDLL(None, use_errno=True);"
        f"target = os.pidfd_open({os.getpid()});"
        f"print(library.syscall(438, target, {held.fileno()}, 0), ctypes.get_errno())"
    )
    options = json.dumps({"families": []})
    done = subprocess.run(
        [*CONFINE, options, sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    held.close()
    assert done.stdout == "-1 1\n"


@needs_landlock
def test_what_landlock_does_not_keep_is_told(without: Without) -> None:
    assert not any("Landlock" in line for line in isolation.unenforced_limits(Limits()))
    without("bwrap")
    (told,) = isolation.unenforced_limits(Limits(hardened=True))
    assert "kept by Landlock" in told
    assert ("signalled" in told) is not confine.keeps_signals()
    assert isolation.isolation_problem(Limits(hardened=True, network=False)) is None
    assert not any("refused" in line for line in isolation.unenforced_limits())


def test_where_nothing_can_be_started_everything_is_told_or_refused(
    without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    without("prlimit", "setpriv", "bwrap", "unshare")
    monkeypatch.setattr(sys, "executable", "")
    assert len(isolation.unenforced_limits(Limits())) == 2
    for limits in (Limits(hardened=True), Limits(network=False)):
        assert "needs bubblewrap" in str(isolation.isolation_problem(limits))
        with pytest.raises(isolation.IsolationImpossible):
            isolation.limited_command(["/bin/true"], limits, Path("/"))


def test_a_kernel_that_refuses_ends_the_command_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confine, "landlock_version", lambda: confine.LEAST_LANDLOCK - 1)
    with pytest.raises(OSError, match="no Landlock that is new enough"):
        confine.restrict_files([], [], [])


def test_links_into_hidden_folders_show_nothing_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mplp_runtime.ael.sandbox import _shown

    for folder in ("etc", "var/lib", "home/ada"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data").symlink_to(tmp_path / "home")
    (tmp_path / "tools").symlink_to(tmp_path / "etc")
    hidden = [(tmp_path / "home").resolve(), (tmp_path / "var/lib").resolve()]
    (tmp_path / "var/log").mkdir()
    shown = [path.relative_to(tmp_path).as_posix() for path in _shown(tmp_path, hidden)]
    assert shown == ["etc", "tools", "var/log"]


async def test_an_agent_too_says_at_its_start_what_cannot_be_limited(
    tmp_path: Path, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    without("prlimit", "setpriv")
    monkeypatch.setattr(sys, "executable", "")
    shown: list[str] = []
    answer = """import json; input(); print(json.dumps({"type": "result", "success": True}))"""
    agent = python(
        tmp_path,
        "",
        kind="agent_handoff",
        settings={"to": [CONFINE[0], "-c", answer]},
        on_output=shown.append,
    )
    result = await execute(agent)
    assert result.success, result.error
    assert "".join(shown).splitlines() == [
        f"Not limited on this system: {each}." for each in isolation.unenforced_limits(Limits())
    ]


def test_a_probe_that_a_busy_machine_did_not_finish_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation, "_PROBE_LIMIT_S", 0.0)
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    assert not isolation._probed(*command)
    monkeypatch.setattr(isolation, "_PROBE_LIMIT_S", 60.0)
    assert isolation._probed(sys.executable, "-c", "")
    assert tuple(command) not in isolation._tried
