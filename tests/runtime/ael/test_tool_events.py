"""What is told of a tool: that it started, how it ended, and the formatter that follows a generator."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from mplp_runtime.ael import isolation
from mplp_runtime.ael.layer import ActionExecutionLayer
from mplp_runtime.ael.sandbox import hardened_options
from mplp_runtime.rules.check import own_findings
from mplp_runtime.settings import Limits
from tests.runtime.ael.told import Told, until


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


async def call(
    root: Path, told: Told, command: list[str], *, limits: Limits | None = None, **settings: Any
) -> Any:
    action = told.action(root, "tool_call", {"command": command, **settings}, limits=limits or Limits())
    return await ActionExecutionLayer().execute(action)


async def test_a_tool_call_is_told_when_it_starts_and_when_it_ends(tmp_path: Path) -> None:
    told = Told()
    (tmp_path / "web").mkdir()
    await call(tmp_path, told, python("print('all good')"), tool_kind="linter", cwd="web")
    start, end = told.events
    assert (start["event_family"], start["event_type"], start["source"]) == (
        "external_integration",
        "tool_execution",
        "mplp-lsp.ael",
    )
    assert (start["payload"]["status"], end["payload"]["status"]) == ("running", "succeeded")
    assert start["payload"]["tool_kind"] == "linter"
    assert start["payload"]["tool_id"] == Path(sys.executable).name
    assert start["payload"]["working_directory"] == "web"
    assert end["payload"]["exit_code"] == 0
    assert end["payload"]["output_summary"] == "all good"
    assert start["payload"]["invocation_id"] == end["payload"]["invocation_id"]
    for event in told.events:
        assert own_findings("event", event) == []
        assert own_findings("tool", event["payload"]) == []


async def test_a_failing_tool_is_told_with_its_exit_code_and_last_words(tmp_path: Path) -> None:
    told = Told()
    await call(tmp_path, told, python("import sys; print('1 problem', file=sys.stderr); sys.exit(2)"))
    payload = told.events[-1]["payload"]
    assert (payload["status"], payload["exit_code"]) == ("failed", 2)
    assert payload["output_summary"] == "1 problem"


async def test_a_tool_that_cannot_start_has_failed(tmp_path: Path) -> None:
    told = Told()
    await call(tmp_path, told, ["no-such-program"])
    assert [event["payload"]["status"] for event in told.events] == ["running", "failed"]
    assert "was not found" in told.events[-1]["payload"]["output_summary"]


async def test_a_cancelled_tool_is_told_so(tmp_path: Path) -> None:
    told = Told()
    code = "import time; print('begun', flush=True); time.sleep(600)"
    task = asyncio.create_task(call(tmp_path, told, python(code)))
    await until(lambda: "begun" in told.output)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [event["payload"]["status"] for event in told.events] == ["running", "cancelled"]


async def test_a_formatter_follows_a_generator_that_succeeded(tmp_path: Path) -> None:
    told = Told()
    generator = python("open('made.py', 'w').write('x=1'); print('made made.py')")
    formatter = python("open('made.py', 'w').write('x = 1')")
    result = await call(tmp_path, told, generator, tool_kind="generator", formatter=formatter)
    assert (result.success, result.output) == (True, "made made.py\n")
    assert (tmp_path / "made.py").read_text() == "x = 1"
    assert [(e["payload"]["tool_kind"], e["payload"]["status"]) for e in told.events] == [
        ("generator", "running"),
        ("generator", "succeeded"),
        ("formatter", "running"),
        ("formatter", "succeeded"),
    ]


async def test_no_formatter_follows_a_generator_that_failed_and_its_own_failure_fails_the_step(
    tmp_path: Path,
) -> None:
    fails = python("raise SystemExit(1)")
    told = Told()
    await call(tmp_path, told, fails, tool_kind="generator", formatter=fails)
    assert len(told.events) == 2
    result = await call(tmp_path, told, python(""), tool_kind="generator", formatter=fails)
    assert not result.success
    name = Path(sys.executable).name
    assert result.error == f"The formatter `{name}` failed: Ended with exit code 1."


async def test_what_cannot_be_limited_here_is_told_with_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = shutil.which
    monkeypatch.setattr(
        shutil,
        "which",
        lambda name, **more: None if name in {"prlimit", "setpriv"} else found(name, **more),
    )
    command = python("")
    # Nor a Python that could limit itself, as inside a program that embeds one.
    monkeypatch.setattr(sys, "executable", "")
    told = Told()
    assert (await call(tmp_path, told, command)).success
    assert told.events[0]["limits_not_enforced"] == isolation.unenforced_limits(Limits())
    assert len(told.events[0]["limits_not_enforced"]) == 2


def test_the_report_names_what_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_starts", lambda name: False)
    report = isolation.unenforced_limits()
    assert [line.partition(":")[0] for line in report][-2:] == [
        "`network = false` is refused",
        "`hardened = true` is refused",
    ]
    monkeypatch.setattr(isolation, "_starts", lambda name: True)
    assert not any("refused" in line for line in isolation.unenforced_limits())


@pytest.mark.skipif(not isolation._starts("unshare"), reason="this kernel gives no user namespaces")
async def test_without_network_a_process_reaches_nobody(tmp_path: Path) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    code = f"import socket; socket.create_connection(('127.0.0.1', {port}), timeout=10); print('reached')"
    open_one = await call(tmp_path, Told(), python(code))
    closed_one = await call(tmp_path, Told(), python(code), limits=Limits(network=False))
    server.close()
    await server.wait_closed()
    assert open_one.output == "reached\n"
    assert not closed_one.success
    assert "reached" not in closed_one.output


def test_a_hardened_process_sees_no_home_but_the_programs_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, root = tmp_path / "home", tmp_path / "project"
    for folder in ("home/.ssh", "home/tools/bin", "home/tools/lib", "home/bin", "project"):
        (tmp_path / folder).mkdir(parents=True)
    program = home / "tools/bin/check"
    program.touch()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}:relative::/usr/bin")
    options = hardened_options(Limits(hardened=True), root, str(program))
    shown = {options[index + 1] for index, word in enumerate(options) if word == "--ro-bind"}
    assert {"/", f"{home}/bin", f"{home}/tools/bin", f"{home}/tools/lib"} == shown
    hidden = {options[index + 1] for index, word in enumerate(options) if word == "--tmpfs"}
    assert str(home) in hidden
    assert options[-4:] == ["--bind", str(root), str(root), "--"]
    assert options.index("--bind") > options.index(str(home)), "the project is put on top"
    assert "--share-net" in options
    assert "--share-net" not in hardened_options(Limits(network=False), root, str(program))


@pytest.mark.skipif(not isolation._starts("bwrap"), reason="bubblewrap cannot start here")
async def test_a_hardened_process_writes_in_the_project_only(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "outside").write_text("secret")
    code = f"""
import os
open('inside', 'w').write('1')
print(os.path.exists({str(tmp_path / "outside")!r}))
try: open('/usr/x', 'w')
except OSError: print('read-only')
"""
    result = await call(tmp_path / "project", Told(), python(code), limits=Limits(hardened=True))
    assert result.output == "False\nread-only\n"
    assert (tmp_path / "project/inside").exists()
