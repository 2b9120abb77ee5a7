"""What commands take, and the pages that say so."""

from __future__ import annotations

import importlib
import json
import tomllib

import pytest

from mplp_lsp.commands.docs import SETTINGS_TARGET, TARGET, page, settings_page
from mplp_lsp.commands.editor_settings import EDITOR_SETTINGS, SECTION, setting_complaints
from mplp_lsp.commands.table import COMMANDS
from mplp_lsp.server.configuration import Options, configured
from mplp_runtime.errors import RunRefused
from mplp_runtime.settings import load_settings
from mplp_runtime.settings.model import Limits, Settings
from mplp_runtime.settings.table import BINDING_COMMON, BINDING_KEYS, TABLES


@pytest.mark.parametrize(
    ("name", "arguments", "sentence"),
    [
        ("runPlan", {}, "mplp.runPlan needs `uri`: {uri, simulate?, approve?, anew?}."),
        ("runPlan", {"uri": 3}, "mplp.runPlan: `uri` is a string: {uri, simulate?, approve?, anew?}."),
        (
            "runPlan",
            {"uri": "x", "aprove": True},
            "mplp.runPlan does not know `aprove`: {uri, simulate?, approve?, anew?}.",
        ),
        (
            "runPlan",
            {"uri": "x", "approve": 1},
            "mplp.runPlan: `approve` is true or false: {uri, simulate?, approve?, anew?}.",
        ),
        ("cancelRun", [], "mplp.cancelRun takes one JSON object as its only argument: {run}."),
        (
            "showTrace",
            None,
            "mplp.showTrace takes one JSON object as its only argument: {run?, uri?, format?}.",
        ),
        ("showTrace", {"run": None}, None),
        ("serverStatus", {}, None),
    ],
)
def test_arguments_that_do_not_fit_are_named(name: str, arguments: object, sentence: str | None) -> None:
    assert COMMANDS[f"mplp.{name}"].problem(arguments) == sentence


def test_every_command_says_what_it_is() -> None:
    for name, command in COMMANDS.items():
        assert name == command.name
        assert command.about.endswith(".")
        assert all(parameter.about for parameter in command.parameters.values())
    assert len({command.title for command in COMMANDS.values()}) == len(COMMANDS)


def test_the_generated_pages_are_current() -> None:
    assert TARGET.read_text(encoding="utf-8") == page(), "run `make docs`"
    assert SETTINGS_TARGET.read_text(encoding="utf-8") == settings_page(), "run `make docs`"


def test_every_word_for_a_refusal_is_on_the_page() -> None:
    importlib.import_module("mplp_runtime.runtime")
    words: set[str] = set()
    left: list[type[RunRefused]] = [RunRefused]
    while left:
        each = left.pop()
        words.add(each.code)
        left += each.__subclasses__()
    assert {"built-upon", "step-not-open", "not-under-way"} < words
    text = TARGET.read_text(encoding="utf-8")
    assert [word for word in sorted(words) if f"`{word}`" not in text] == []


def test_every_key_of_mplp_toml_is_on_the_page() -> None:
    text = settings_page()
    models = {name: field.annotation for name, field in Settings.model_fields.items()}
    assert set(TABLES) == set(models) - {"roles", "steps"}
    for name in TABLES:
        section = text[text.index(f"\n## {name}\n") :]
        for key in models[name].model_fields:  # type: ignore[union-attr]
            assert f"| `{key}` |" in section, f"{name}.{key}"
    for action, keys in BINDING_KEYS.items():
        assert f"### {action}\n" in text
        assert all(f"| `{key}` |" in text for key in keys)
    assert all(f"`{key}`" in text for key in BINDING_COMMON)


def test_every_example_on_the_page_is_accepted() -> None:
    for name, keys in TABLES.items():
        for key, about in keys.items():
            load_settings(f"[{name}]\n{key} = {about.example}\n")
    block = settings_page().split("```toml\n")[1].split("```")[0]
    assert load_settings(block).roles["tester"].action == "tool_call"


def test_every_default_on_the_page_is_the_one_in_effect() -> None:
    settings = Settings()
    for name, keys in TABLES.items():
        for key, about in keys.items():
            value = getattr(getattr(settings, name), key)
            if about.default is None:
                assert value is None, f"{name}.{key}"
            elif not about.default.startswith("the "):
                said = tomllib.loads(f"value = {about.default}")["value"]
                assert json.loads(json.dumps(value)) == said, f"{name}.{key}"
    assert set(Limits.model_fields) == set(TABLES["limits"])


def test_every_setting_of_the_editor_is_read_by_the_server() -> None:
    samples: dict[str, object] = {
        "mplp.trusted": True,
        "mplp.validation.maxFindings": 7,
        "mplp.inlayHints.ids": False,
        "mplp.files.associations": {"plans/*.json": "plan"},
        "mplp.files.exclude": ["**/old/**"],
    }
    assert [f"{SECTION}.{setting.name}" for setting in EDITOR_SETTINGS] == list(samples)
    for name, sample in samples.items():
        value = sample
        for part in reversed(name.split(".")):
            value = {part: value}
        assert configured(Options(), value) != Options(), name
        assert isinstance(value, dict)
        assert setting_complaints(value["mplp"]) == []


def test_settings_that_nobody_knows_or_that_do_not_fit_are_named() -> None:
    settings: dict[str, object] = {
        "validation": {"maxFindngs": 5},
        "inlayHints.ids": "yes",
        "files": {"exclude": {"old/**": True}, "associations": {"a/*.json": 5}},
        "trace": {"server": "verbose"},
        "trusted": None,
    }
    assert setting_complaints(settings) == [
        (
            "The setting `mplp.files.associations` is an object whose values are strings; "
            "what is there is ignored."
        ),
        "The setting `mplp.inlayHints.ids` is true or false; what is there is ignored.",
        (
            "There is no setting `mplp.validation.maxFindngs`; it is ignored. "
            "Did you mean `mplp.validation.maxFindings`?"
        ),
    ]
