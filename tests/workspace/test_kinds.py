from __future__ import annotations

from pathlib import PurePath

from mplp_lsp.workspace.kinds import FileRules, kind_of


def test_the_users_globs_overrule_everything() -> None:
    rules = FileRules.of(
        {"flows/*.json": "plan", "**/x.plan.json": "context", "a.json": "nonsense"}, ["old/**"]
    )
    root = PurePath("/w")
    assert kind_of(root / "flows/a.json", {"no": 1}, rules, root=root) == "plan"
    assert kind_of(root / "deep/x.plan.json", None, rules, root=root) == "context"
    assert kind_of(root / "old/y.plan.json", None, rules, root=root) is None
    assert kind_of(root / "a.json", None, rules, root=root) is None


def test_a_document_without_a_file_goes_by_its_language_and_then_its_content() -> None:
    assert kind_of(None, None, language_id="mplp-plan") == "plan"
    assert kind_of(None, {"meta": {}, "role_id": "", "name": ""}, language_id="json") == "role"
    assert kind_of(None, {"a": 1}, language_id="json") is None
