"""The official documents open clean, seen as an editor would see them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.scan import candidates, project_files
from mplp_lsp.workspace.workspace import Workspace
from mplp_runtime.rules.findings import Severity
from tests.project import ABLE_CLIENT, rescan

SHARED = Path(__file__).resolve().parents[2] / "../shared/mplp-v1.0.0"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not SHARED.exists(), reason="the official data files are not beside this checkout"),
]


def flows() -> list[Path]:
    return sorted(path for path in SHARED.glob("golden/*/*") if path.name in {"input", "expected"})


def copied(source: Path, target: Path) -> Path:
    for path in sorted(source.glob("*.json")):
        (target / path.name).write_bytes(path.read_bytes())
    return target


def told(root: Path) -> dict[str, list[str]]:
    workspace = Workspace()
    workspace.set_folders([root])
    rescan(workspace, root, candidates(project_files(root)).paths)
    found: dict[str, list[str]] = {}
    for document in workspace.snapshot(root=root).documents.values():
        snapshot = workspace.snapshot(document.uri, client=ABLE_CLIENT)
        assert document.path is not None
        found[document.path.name] = [
            f"{one.code} at {one.data['pointer'] if one.data else ''}"
            for one in diagnostics(snapshot, document.uri)
            if one.severity is not None and int(one.severity) <= Severity.WARNING
        ]
    return found


@pytest.mark.parametrize("flow", flows(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_golden_flows_open_without_errors_and_warnings(flow: Path, tmp_path: Path) -> None:
    found = told(copied(flow, tmp_path))
    assert found.keys() == {path.name for path in flow.glob("*.json")}
    if flow.name == "input":
        assert all(codes == [] for codes in found.values()), found


def test_all_golden_inputs_stand_beside_each_other_in_one_project(tmp_path: Path) -> None:
    for flow in flows():
        if flow.name == "input":
            folder = tmp_path / flow.parent.name
            folder.mkdir()
            copied(flow, folder)
    workspace = Workspace()
    workspace.set_folders([tmp_path])
    updates = rescan(workspace, tmp_path, candidates(project_files(tmp_path)).paths)
    assert len(updates) == sum(1 for flow in flows() if flow.name == "input" for _ in flow.glob("*.json"))
    for update in updates:
        assert update.uri == uri_of(Path(str(update.after and update.after.path)))


@pytest.mark.parametrize(
    "name", sorted(path.name for path in SHARED.glob("examples/*.json") if path.name != "event.valid.json")
)
def test_official_examples_have_no_errors(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    target.write_bytes((SHARED / "examples" / name).read_bytes())
    (found,) = told(tmp_path).values()
    assert found == []
