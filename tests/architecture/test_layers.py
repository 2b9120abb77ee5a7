"""The rules of ARCHITECTURE.md that a program can check."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (ROOT / "mplp_lsp", ROOT / "runtime" / "mplp_runtime", ROOT / "schemas" / "mplp_schemas")
LARGEST_MODULE = 400


def modules(*folders: Path) -> list[Path]:
    found = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert found, folders
    return found


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def test_import_contracts_are_kept() -> None:
    # In a process of its own: import-linter configures logging for all of ours.
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_features_do_no_input_or_output() -> None:
    banned = {"pygls", "asyncio", "threading", "os", "pathlib", "socket", "subprocess", "time"}
    for path in modules(ROOT / "mplp_lsp" / "features"):
        assert not banned & {top(name) for name in imports(path)}, path


def test_rules_do_no_input_or_output() -> None:
    banned = {"asyncio", "threading", "socket", "subprocess", "time", "sqlite3"}
    for path in modules(ROOT / "runtime" / "mplp_runtime" / "rules"):
        assert not banned & {top(name) for name in imports(path)}, path


def test_schemas_import_the_standard_library_only() -> None:
    for path in modules(ROOT / "schemas" / "mplp_schemas"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_import = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        for node in at_import:
            names = (
                [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            )
            foreign = (
                {top(name) for name in names}
                - set(sys.stdlib_module_names)
                - {"mplp_schemas", "__future__", ""}
            )
            assert not foreign, f"{path}: {foreign} at import time"


def test_no_shell_is_ever_started() -> None:
    for path in modules(*PACKAGES):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "shell":
                pytest.fail(f"{path}:{node.value.lineno} passes shell=")
            if isinstance(node, ast.Attribute) and node.attr in {
                "create_subprocess_shell",
                "popen",
                "getoutput",
            }:
                pytest.fail(f"{path}:{node.lineno} uses {node.attr}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "system"
            ):
                pytest.fail(f"{path}:{node.lineno} calls system()")


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_stays_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LARGEST_MODULE, f"{lines} lines: does it hold two concepts?"


def test_what_a_package_imports_itself_is_imported_from_the_package() -> None:
    """Else two threads that import both for the first time wait for each other, and one import fails."""
    for root in PACKAGES:
        for path in root.rglob("__init__.py"):
            package = ".".join(path.parent.relative_to(root.parent).parts)
            # The three packages themselves are there before there is a second thread.
            own = (
                {name for name in imports(path) if name.startswith(f"{package}.")}
                if "." in package
                else set()
            )
            for user in modules(*PACKAGES) if own else ():
                if path.parent not in user.parents:
                    assert not own & set(imports(user)), f"{user} goes past {package}"


def test_public_names_of_the_runtime_exist_and_are_sorted() -> None:
    import mplp_runtime

    assert list(mplp_runtime.__all__) == sorted(mplp_runtime.__all__)
    for name in mplp_runtime.__all__:
        assert hasattr(mplp_runtime, name), name


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = list(project["dependencies"])
    for group in project["optional-dependencies"].values():
        named.extend(group)
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for requirement in named:
        name = requirement.split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        assert f"| `{name}` |" in text, f"{name} has no line of reason in docs/dependencies.md"


def test_locks_hold_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    runtime = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    development = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        name = requirement.split("[")[0].split(">")[0].split("=")[0].lower()
        assert f"\n{name}==" in runtime, name
        assert f"\n{name}==" in development, name
    for requirement in project["optional-dependencies"]["dev"]:
        name = requirement.split("[")[0].split(">")[0].split("=")[0].lower()
        assert f"\n{name}==" in development, name


def test_nothing_names_the_folder_of_official_files_in_the_product() -> None:
    for path in modules(*PACKAGES):
        assert "../shared" not in path.read_text(encoding="utf-8"), path


def test_time_and_ids_come_from_parameters() -> None:
    """Only `sources.py` and the edges that hand a clock in may read the time of day or make ids (D15)."""
    allowed = {"sources.py"}
    for path in modules(ROOT / "runtime" / "mplp_runtime"):
        if path.name in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = f"{getattr(node.func.value, 'id', '')}.{node.func.attr}"
                assert called not in {"datetime.now", "datetime.utcnow", "uuid.uuid4", "time.time"}, (
                    f"{path}:{node.lineno} {called}"
                )
