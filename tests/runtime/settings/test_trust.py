"""Trust is a list of the user's own, and nothing inside a folder can put the folder on it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from mplp_runtime.errors import MplpError
from mplp_runtime.trust import Trust, trust_path


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    return Trust(tmp_path / "config" / "mplp-lsp" / "trusted.json")


def folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


def test_nothing_is_trusted_at_first(trust: Trust, tmp_path: Path) -> None:
    assert not trust.is_trusted(tmp_path)
    assert not trust.path.exists(), "asking leaves nothing behind"


def test_a_trusted_folder_and_what_lies_below_it_is_trusted(trust: Trust, tmp_path: Path) -> None:
    project = folder(tmp_path / "project")
    trust.trust(project)
    trust.trust(project)
    assert trust.folders() == [project]
    assert Trust(trust.path).is_trusted(project / "sub")
    assert not trust.is_trusted(tmp_path)
    assert not trust.is_trusted(folder(tmp_path / "project-2"))
    assert not trust.is_trusted(project / ".." / "project-2")


def test_the_list_is_for_the_user_alone(trust: Trust, tmp_path: Path) -> None:
    trust.trust(tmp_path)
    assert stat.S_IMODE(trust.path.stat().st_mode) == 0o600
    assert [path.name for path in trust.path.parent.iterdir()] == ["trusted.json"]


def test_a_link_out_of_a_trusted_folder_leads_nowhere(trust: Trust, tmp_path: Path) -> None:
    project, elsewhere = folder(tmp_path / "project"), folder(tmp_path / "elsewhere")
    trust.trust(project)
    (project / "link").symlink_to(elsewhere)
    assert not trust.is_trusted(project / "link")


def test_a_link_to_a_trusted_folder_is_that_folder(trust: Trust, tmp_path: Path) -> None:
    project = folder(tmp_path / "project")
    (tmp_path / "link").symlink_to(project)
    trust.trust(tmp_path / "link")
    assert trust.is_trusted(project)


def test_untrusting_leaves_no_way_round(trust: Trust, tmp_path: Path) -> None:
    parent = folder(tmp_path / "parent")
    child = folder(parent / "child")
    other = folder(tmp_path / "other")
    for each in (parent, child, other):
        trust.trust(each)
    trust.untrust(child)
    assert not trust.is_trusted(child)
    assert trust.folders() == [other]
    trust.untrust(folder(tmp_path / "never"))
    assert trust.folders() == [other]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"folders": 3}', '{"folders": [3, "relative", null]}', "[" * 9999]
)
def test_a_list_that_cannot_be_read_trusts_nothing(trust: Trust, tmp_path: Path, content: str) -> None:
    trust.path.parent.mkdir(parents=True)
    trust.path.write_text(content)
    assert not trust.is_trusted(tmp_path)
    trust.trust(tmp_path)
    assert json.loads(trust.path.read_text()) == {"folders": [str(tmp_path)]}


def test_a_name_that_is_no_utf_8_can_be_trusted(trust: Trust, tmp_path: Path) -> None:
    odd = tmp_path / "odd\udcff"
    trust.trust(odd)
    assert trust.is_trusted(odd)


def test_a_list_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("in the way")
    with pytest.raises(MplpError, match="cannot be written"):
        Trust(tmp_path / "config" / "trusted.json").trust(tmp_path)


def test_the_list_lies_where_the_system_keeps_settings() -> None:
    home = Path("/home/ada")
    assert trust_path({}, home) == home / ".config/mplp-lsp/trusted.json"
    assert trust_path({"XDG_CONFIG_HOME": "relative"}, home) == home / ".config/mplp-lsp/trusted.json"
    assert trust_path({"XDG_CONFIG_HOME": "/x"}, home) == Path("/x/mplp-lsp/trusted.json")


@pytest.mark.parametrize("home", ["relative", "."])
def test_no_file_of_a_workspace_is_ever_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", home)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    inside = tmp_path / home / ".config/mplp-lsp/trusted.json"
    inside.parent.mkdir(parents=True)
    inside.write_text(json.dumps({"folders": [str(tmp_path)]}))
    assert trust_path().is_absolute()
    assert not Trust().is_trusted(tmp_path)


def test_a_user_without_a_home_trusts_nothing_and_gets_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    assert trust_path({}) == Path("/.config/mplp-lsp/trusted.json")


def test_processes_that_change_the_list_at_once_lose_nothing(trust: Trust, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from mplp_runtime.trust import Trust\n"
        "for n in range(15): Trust(Path(sys.argv[1])).trust(Path(f'{sys.argv[2]}-{n}'))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(trust.path), str(tmp_path / name)])
        for name in "abc"
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0, 0]
    assert len(trust.folders()) == 45
