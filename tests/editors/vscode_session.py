"""One session of the real VS Code: code-server behind headless Chromium, with our extension and driver."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.editors.installation import CODE_SERVER, EXTENSION, NODE, OUT, PLAYWRIGHT, SERVER, need

DRIVER = Path(__file__).parent / "vscode-driver"
PAGE = Path(__file__).parent / "page.mjs"
SETTINGS = {
    "telemetry.telemetryLevel": "off",
    "remote.autoForwardPorts": False,
    "chat.disableAIFeatures": True,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
    "workbench.colorTheme": "Default Dark Modern",
    "security.workspace.trust.banner": "never",
    "security.workspace.trust.startupPrompt": "never",
    "window.autoDetectColorScheme": False,
    "editor.minimap.enabled": False,
    # In a browser VS Code saves after a second: what a feature changed could then not be taken back.
    "files.autoSave": "off",
}


@dataclass(frozen=True)
class Session:
    """`facts`: what the VS Code API said. `seen`: what the page showed. `project`: the open folder."""

    facts: dict[str, Any]
    seen: dict[str, Any]
    project: Path


def build_extensions(folder: Path) -> list[Path]:
    """Packages our extension as a user gets it, and the driver; returns the two .vsix files."""
    node = need("Node 20", NODE)
    vsce = need("vsce", EXTENSION / "node_modules" / "@vscode" / "vsce" / "vsce")
    packages = []
    for source in (EXTENSION, DRIVER):
        package = folder / f"{source.name}.vsix"
        # Ours as `npm run package` does it.
        command = [node, str(EXTENSION / "package.mjs"), str(package)]
        if source == DRIVER:
            command = [node, vsce, "package", "--no-dependencies", "--skip-license", "--out", str(package)]
        environment = {**os.environ, "PATH": f"{Path(node).parent}{os.pathsep}{os.environ['PATH']}"}
        packed = subprocess.run(
            command, cwd=source, env=environment, capture_output=True, text=True, check=False
        )
        assert packed.returncode == 0, packed.stdout + packed.stderr
        packages.append(package)
    return packages


def install_extensions(folder: Path, packages: list[Path]) -> None:
    """Installs the packages into a fresh VS Code user folder under `folder`."""
    # In User/ the path of the server would sometimes come too late for the extension, which reads it at its
    # start; what concerns the whole application counts only there.
    for place, settings in (("Machine", {"mplp.server.path": str(SERVER)}), ("User", SETTINGS)):
        path = folder / "user" / place / "settings.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(settings), encoding="utf-8")
    arguments = [argument for package in packages for argument in ("--install-extension", str(package))]
    command = [*code_server(folder), *arguments]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stdout + installed.stderr


def code_server(folder: Path) -> list[str]:
    node = need("Node 20", NODE)
    program = need("VS Code (code-server)", CODE_SERVER)
    folders = ["--user-data-dir", str(folder / "user"), "--extensions-dir", str(folder / "extensions")]
    return [node, program, *folders, "--config", str(folder / "config.yaml"), "--disable-update-check"]


def run_session(
    folder: Path, project: Path, scenario: str, *, is_trusted: bool, limit_s: float = 400
) -> Session:
    """Opens `project` in VS Code and plays `scenario` of the driver and the page to its end."""
    chromium = need("Chromium", "chromium")
    meeting = folder / "meeting"
    meeting.mkdir()
    OUT.mkdir(exist_ok=True)
    port = free_port()
    command = [
        *code_server(folder),
        "--bind-addr",
        f"127.0.0.1:{port}",
        "--auth",
        "none",
        "--disable-telemetry",
    ]
    if is_trusted:
        command.append("--disable-workspace-trust")
    environment = {
        **os.environ,
        "MPLP_DRIVER_FOLDER": str(meeting),
        "MPLP_DRIVER_SCENARIO": scenario,
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    with (folder / "code-server.log").open("w") as log:
        process = subprocess.Popen(
            [*command, str(project)], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for_health(port, process)
            page_command = [
                need("Node 20", NODE), str(PAGE), f"http://127.0.0.1:{port}/?folder={project}",
                str(meeting), str(OUT), scenario,
            ]  # fmt: skip
            page_environment = {
                **os.environ,
                "MPLP_CHROMIUM": chromium,
                "MPLP_PLAYWRIGHT": need("playwright-core", PLAYWRIGHT) + "/package.json",
            }
            page = subprocess.run(
                page_command,
                env=page_environment,
                capture_output=True,
                text=True,
                timeout=limit_s,
                check=False,
            )
        finally:
            stop(process)
    facts = read(meeting / "facts.json")
    seen = read(meeting / "seen.json")
    # Whoever failed first kept the other waiting, so one of them alone does not say what happened.
    assert "error" not in facts, f"{facts['error']}\nThe page: {seen.get('error', 'saw nothing wrong')}"
    assert page.returncode == 0, page.stderr + json.dumps(seen, indent=2)
    return Session(facts, seen, project)


def read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_for_health(port: int, process: subprocess.Popen[bytes], limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise AssertionError(f"code-server did not become healthy on port {port}")


def stop(process: subprocess.Popen[bytes], limit_s: float = 10) -> None:
    """Ends code-server and waits until its children have left too, so that the folder can be removed."""
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    end = time.monotonic() + limit_s
    while group_lives(process.pid):
        if time.monotonic() > end:
            os.killpg(process.pid, signal.SIGKILL)
        time.sleep(0.05)


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
