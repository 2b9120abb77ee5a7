from __future__ import annotations

from pathlib import Path

import pytest

from mplp_lsp.workspace.projects import Projects, root_of


@pytest.fixture
def outside_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    return tmp_path


@pytest.mark.parametrize("mark", [".mplp", ".git", ".hg"])
def test_the_root_is_the_nearest_ancestor_with_a_mark(outside_home: Path, mark: str) -> None:
    (outside_home / "p" / mark).mkdir(parents=True)
    (outside_home / "p/a/b").mkdir(parents=True)
    assert root_of(outside_home / "p/a/b") == outside_home / "p"
    (outside_home / "p/a/mplp.toml").touch()
    assert root_of(outside_home / "p/a/b") == outside_home / "p/a"


def test_a_git_file_of_a_work_tree_marks_a_root_too(outside_home: Path) -> None:
    (outside_home / "p/a").mkdir(parents=True)
    (outside_home / "p/.git").write_text("gitdir: elsewhere")
    assert root_of(outside_home / "p/a") == outside_home / "p"


def test_a_mark_in_the_home_folder_does_not_swallow_everything(outside_home: Path) -> None:
    (outside_home / ".git").mkdir()
    (outside_home / "p").mkdir()
    assert root_of(outside_home / "p") == outside_home / "p"
    assert root_of(outside_home) == outside_home


@pytest.mark.parametrize("skipped", ["vendor", "node_modules", ".cache"])
def test_a_folder_in_which_no_scan_looks_stands_for_itself(outside_home: Path, skipped: str) -> None:
    """Else its documents would be opened and never be found by each other."""
    (outside_home / "p/.git").mkdir(parents=True)
    (outside_home / "p" / skipped / "shop").mkdir(parents=True)
    assert root_of(outside_home / "p" / skipped / "shop") == outside_home / "p" / skipped / "shop"
    assert root_of(outside_home / "p/.mplp/traces") == outside_home / "p"


def test_the_longest_folder_by_components_wins(outside_home: Path) -> None:
    for name in ("app", "app2", "app/inner"):
        (outside_home / name).mkdir()
    projects = Projects.of([outside_home / "app", outside_home / "app2", outside_home / "app/inner"])
    assert projects.folder_for(outside_home / "app2/x.plan.json") == outside_home / "app2"
    assert projects.folder_for(outside_home / "app/x.plan.json") == outside_home / "app"
    assert projects.folder_for(outside_home / "app/inner/x.plan.json") == outside_home / "app/inner"
    assert projects.folder_for(outside_home / "application/x.plan.json") is None


def test_a_file_outside_all_folders_is_its_own_folders_project(outside_home: Path) -> None:
    (outside_home / "a").mkdir()
    (outside_home / "b").mkdir()
    projects = Projects.of([outside_home / "a"])
    assert projects.root_for(outside_home / "b/x.plan.json") == outside_home / "b"


def test_a_project_nested_in_a_folder_is_a_project_of_its_own(outside_home: Path) -> None:
    (outside_home / "mono/one").mkdir(parents=True)
    (outside_home / "mono/one/mplp.toml").touch()
    projects = Projects.of([outside_home / "mono"])
    assert projects.root_for(outside_home / "mono/one/x.plan.json") == outside_home / "mono/one"
    assert projects.root_for(outside_home / "mono/x.plan.json") == outside_home / "mono"


def test_a_folder_inside_a_repository_stands_for_the_repository(outside_home: Path) -> None:
    (outside_home / "repo/.git").mkdir(parents=True)
    (outside_home / "repo/plans").mkdir()
    projects = Projects.of([outside_home / "repo/plans"])
    assert projects.roots == (outside_home / "repo",)
    assert projects.root_for(outside_home / "repo/plans/x.plan.json") == outside_home / "repo"


def test_folders_come_and_go(outside_home: Path) -> None:
    for name in ("a", "b"):
        (outside_home / name).mkdir()
    projects = Projects.of([outside_home / "a"]).changed([outside_home / "b"], [outside_home / "a"])
    assert projects.folders == (outside_home / "b",)
