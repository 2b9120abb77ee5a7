"""The configurations of Helix and of JetBrains IDEs, which no test starts: as their documentation asks."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path, PurePath
from typing import Any

import pytest

from mplp_lsp.workspace.kinds import kind_of
from tests.editors.installation import REPOSITORY, SERVER

EDITORS = REPOSITORY / "editors"
TEMPLATE: dict[str, Any] = json.loads((EDITORS / "jetbrains/mplp/template.json").read_text(encoding="utf-8"))
INSTALLER: dict[str, Any] = json.loads(
    (EDITORS / "jetbrains/mplp/installer.json").read_text(encoding="utf-8")
)


def patterns_of_vs_code() -> set[str]:
    package = json.loads((EDITORS / "vscode/package.json").read_text(encoding="utf-8"))
    languages = package["contributes"]["languages"]
    return {
        name
        for language in languages
        for name in (*language.get("filenamePatterns", ()), *language.get("filenames", ()))
    }


def test_jetbrains_starts_the_server_for_the_files_that_vs_code_does() -> None:
    (mapping,) = TEMPLATE["fileTypeMappings"]
    assert set(mapping["fileType"]) == {"name", "patterns"}
    assert set(mapping["fileType"]["patterns"]) == patterns_of_vs_code()


@pytest.mark.parametrize("pattern", TEMPLATE["fileTypeMappings"][0]["fileType"]["patterns"])
def test_each_file_that_starts_the_server_is_known_to_it_by_its_name(pattern: str) -> None:
    name = pattern.replace("*", "a")
    assert kind_of(PurePath("/project", name), {}, language_id=TEMPLATE["fileTypeMappings"][0]["languageId"])


def test_the_commands_of_jetbrains_are_those_of_the_program() -> None:
    assert set(TEMPLATE) == {"id", "name", "programArgs", "fileTypeMappings"}
    assert TEMPLATE["programArgs"]["default"].split() == [Path(SERVER).name, "--stdio"]
    assert TEMPLATE["programArgs"]["windows"].split() == ["mplp-lsp.exe", "--stdio"]
    check, run = INSTALLER["check"]["exec"], INSTALLER["run"]["exec"]
    assert set(check) == set(run) == {"name", "command"}
    assert {command.split()[1] for command in check["command"].values()} == {"mplp-lsp"}
    assert shutil.which(check["command"]["default"].split()[0]) is not None


def test_helix_has_the_server_beside_those_of_json_and_toml() -> None:
    settings = tomllib.loads((EDITORS / "helix/languages.toml").read_text(encoding="utf-8"))
    assert settings["language-server"] == {"mplp": {"command": "mplp-lsp", "args": ["--stdio"]}}
    servers = {language["name"]: language["language-servers"] for language in settings["language"]}
    # The first one answers what only one can: hover, rename, formatting.
    assert {name: listed[0] for name, listed in servers.items()} == {"json": "mplp", "toml": "mplp"}
    assert all(len(listed) == 2 for listed in servers.values())
