"""VS Code itself, in a browser: what a person sees when they open a project, run a plan and follow it."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.commands.table import COMMANDS as SERVER_COMMANDS
from tests.editors.installation import EXTENSION, NODE, OUT, REPOSITORY, need
from tests.editors.project import FORMAT, PACKAGE, TEST, UNKNOWN, is_duration, write_project
from tests.editors.vscode_session import Session, build_extensions

pytestmark = [pytest.mark.editors, pytest.mark.timeout(600)]

COMMANDS = {
    "Run plan",
    "Simulate plan (dry run, starts nothing)",
    "Cancel run",
    "Pause run",
    "Resume run",
    "Answer what a run is waiting for",
    "Retry a failed step",
    "Skip a step",
    "Roll back the files of a run",
    "Show trace",
    "Show graph",
    "Write the statuses of a run into its plan",
    "Check the whole workspace",
    "Explain problem",
    "Create snapshot",
    "Restore snapshot",
    "Check for drift",
    "Changes since a run are meant",
    "Propose plan for approval",
    "Approve plan",
    "Reject plan",
    "Trust this workspace",
    "Server status",
    "Restart server",
}


def problem(session: Session, code: str) -> dict[str, Any]:
    """The only problem of the broken plan with this code."""
    found = [problem for problem in session.facts["broken"] if problem["code"] == code]
    assert len(found) == 1, session.facts["broken"]
    return found[0]


def text_at(session: Session, file: str, found: dict[str, Any]) -> str:
    """What the squiggle stands under; it never spans lines here."""
    (first, start), (last, end) = found["start"], found["end"]
    assert first == last
    return (session.project / file).read_text(encoding="utf-8").split("\n")[first][start:end]


def test_the_sources_of_the_extension_pass_the_type_checker() -> None:
    node = need("Node 20", NODE)
    compiler = need("TypeScript", EXTENSION / "node_modules" / "typescript" / "bin" / "tsc")
    checked = subprocess.run(
        [node, compiler, "--noEmit", "-p", str(EXTENSION)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


def test_the_package_holds_the_bundle_and_its_licences_and_no_sources(packages: list[Path]) -> None:
    with zipfile.ZipFile(packages[0]) as package:
        names = set(package.namelist())
    assert {"extension/dist/extension.js", "extension/dist/licenses.txt", "extension/LICENSE.txt"} <= names
    assert not [name for name in names if name.endswith(".ts") or "node_modules" in name]


def test_packaging_the_same_sources_again_gives_the_same_bytes(packages: list[Path], tmp_path: Path) -> None:
    again = build_extensions(tmp_path)
    assert again[0].read_bytes() == packages[0].read_bytes()


def test_every_setting_is_declared_and_described_in_the_readme() -> None:
    manifest = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    declared = set(manifest["contributes"]["configuration"]["properties"])
    readme = (EXTENSION / "README.md").read_text(encoding="utf-8")
    assert declared == set(re.findall(r"^\| `(mplp\.[\w.]+)` \|", readme, re.MULTILINE))
    read_by_server = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^\| `(mplp\.[\w.]+)` \|", read_by_server, re.MULTILINE))
    # Trust is VS Code's own and travels with the settings; no file in the workspace may set it.
    assert known - declared == {"mplp.trusted"}


def test_every_palette_command_is_described_in_the_readme() -> None:
    manifest = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    titles = {command["title"] for command in manifest["contributes"]["commands"]}
    assert titles == COMMANDS
    described = (EXTENSION / "README.md").read_text(encoding="utf-8")
    for title in titles:
        assert title.split(" ")[0] in described, title


def test_every_command_of_the_server_is_in_the_palette() -> None:
    manifest = json.loads((EXTENSION / "package.json").read_text(encoding="utf-8"))
    offered = {command["command"] for command in manifest["contributes"]["commands"]}
    assert offered == {name.replace("mplp.", "mplp.ui.") for name in SERVER_COMMANDS} | {
        "mplp.ui.restartServer"
    }


def test_a_status_that_does_not_exist_is_underlined_with_a_proposal(trusted: Session) -> None:
    found = problem(trusted, "value-not-allowed")
    assert text_at(trusted, "broken.plan.json", found) == '"pendng"'
    assert "Did you mean `pending`?" in found["message"]
    assert found["severity"] == "Error"
    assert found["source"] == "mplp"


def test_a_dependency_that_nobody_declares_is_underlined_where_it_stands(trusted: Session) -> None:
    found = problem(trusted, "step-dependency-unknown")
    assert text_at(trusted, "broken.plan.json", found) == f'"{UNKNOWN}"'
    assert found["severity"] == "Error"


def test_a_cycle_is_one_problem_with_its_edges(trusted: Session) -> None:
    found = problem(trusted, "plan-cycle")
    assert text_at(trusted, "broken.plan.json", found) in {f'"{TEST}"', f'"{PACKAGE}"'}
    assert len(found["related"]) == 2


def test_each_code_leads_to_its_explanation_on_disk(trusted: Session) -> None:
    for found in trusted.facts["broken"]:
        assert found["href"].startswith("file:///"), found
        assert found["href"].endswith(f"#{found['code']}"), found


def test_the_problems_panel_lists_what_is_underlined(trusted: Session) -> None:
    assert trusted.seen["squiggles"] >= 2  # the third stands below the visible lines
    rows = "\n".join(trusted.seen["problemRows"])
    assert "Did you mean `pending`?" in rows
    assert "plan-cycle" in rows


def test_a_good_plan_has_no_problem_and_a_lens_that_runs_it(trusted: Session) -> None:
    assert trusted.facts["language"] == "mplp"
    assert trusted.facts["clean"] == []
    runs = [lens for lens in trusted.facts["lenses"] if lens["command"] == "mplp.runPlan"]
    assert len(runs) == 1
    assert runs[0]["arguments"] == [{"uri": (trusted.project / "release.plan.json").as_uri()}]


def test_every_lens_and_action_names_a_command_that_exists(trusted: Session) -> None:
    known = set(trusted.facts["commands"])
    for lens in trusted.facts["lenses"]:
        assert lens["command"] in known, lens
    assert any("Run" in title for title in trusted.facts["actions"]), trusted.facts["actions"]


def test_the_palette_offers_all_commands(trusted: Session) -> None:
    assert {f"MPLP: {title}" for title in COMMANDS} <= set(trusted.seen["palette"])


def test_a_run_from_the_palette_shows_its_progress(trusted: Session) -> None:
    progress = "\n".join(trusted.seen["progress"])
    assert "Release the greeter" in progress
    labels = [hint["label"] for hint in trusted.facts["hintsWhileRunning"]]
    assert any("running" in label for label in labels)
    assert any(label.startswith("✓") for label in labels)


def test_the_trace_channel_follows_the_run_step_by_step(trusted: Session) -> None:
    lines = [line.strip() for line in trusted.facts["trace"].splitlines()]
    said = [line.split("  ", 1)[1] if line[:2].isdigit() else line for line in lines if line]
    assert said[0].startswith("▶ Release the greeter (run ")
    order = ["✓ Format the sources", "· Test the greeter [tester] started", "✓ Test the greeter"]
    order += ["✓ Package the greeter", "✓ Run completed (3 of 3 steps completed"]
    places = [next(place for place, line in enumerate(said) if line.startswith(start)) for start in order]
    assert places == sorted(places)
    assert "│ 4 passed" in said
    assert said[-1].startswith("trace: ")


def test_at_the_end_each_step_carries_its_time(trusted: Session) -> None:
    labels = [hint["label"] for hint in trusted.facts["hintsAtTheEnd"]]
    assert sum(map(is_duration, labels)) == 3


def test_the_run_did_its_work_and_left_a_trace(trusted: Session) -> None:
    assert (trusted.project / "greeter.tar").read_text(encoding="utf-8") == "greeter"
    shown = trusted.facts["traceDocument"]
    assert shown["column"] == 2
    assert json.loads(Path(shown["file"]).read_text(encoding="utf-8"))["status"] == "completed"


def test_a_run_does_not_touch_the_plan(trusted: Session, tmp_path: Path) -> None:
    before = write_project(tmp_path) / "release.plan.json"
    assert (trusted.project / "release.plan.json").read_bytes() == before.read_bytes()


def test_a_failing_step_is_a_problem_with_the_last_lines_of_its_output(trusted: Session) -> None:
    found = trusted.facts["failing"][0]
    assert found["severity"] == "Error"
    assert "no tag v1.0 in this repository" in found["message"]


def test_a_draft_is_refused_with_the_offer_to_approve_it(trusted: Session) -> None:
    assert trusted.facts["refused"]["refused"]["code"] == "not-approved"
    assert trusted.seen["offer"]["message"] == trusted.facts["refused"]["refused"]["message"]
    assert trusted.facts["approved"] == "completed"
    assert (trusted.project / "draft.plan.confirm.json").exists() or (
        trusted.project / "draft.confirm.json"
    ).exists()


def test_a_hand_off_waits_for_the_answer_of_a_person(trusted: Session) -> None:
    assert trusted.facts["question"]["step_id"] == FORMAT
    assert "Read the change log" in trusted.facts["question"]["text"]
    assert trusted.seen["answers"] == ["Done", "Not done"]
    assert trusted.facts["answered"]["steps"][0]["output"] == "read and agreed"
    assert f"? {trusted.facts['question']['text']}" in trusted.facts["wholeTrace"]


def test_a_run_that_was_interrupted_goes_on_and_repeats_a_step_only_with_consent(trusted: Session) -> None:
    interrupted = {step["agent_role"]: step for step in trusted.facts["interrupted"]["steps"]}
    assert interrupted["formatter"]["status"] == "completed"
    assert interrupted["tester"]["interrupted"] is True
    assert trusted.seen["repeat"] == ["Ask me at the step", "Run it again", "Count it as failed"]
    resumed = {step["agent_role"]: step for step in trusted.facts["resumed"]["steps"]}
    assert resumed["formatter"]["attempt"] == 1
    assert resumed["tester"]["attempt"] == 2
    assert "resumed" in trusted.facts["wholeTrace"]


def test_a_run_can_be_cancelled_and_a_plan_rejected(trusted: Session) -> None:
    assert trusted.facts["cancelled"] == "cancelled"
    assert "refused" not in (trusted.facts["rejected"] or {})
    assert trusted.facts["refusedAfterRejection"]["refused"]["code"] == "not-approved"


def test_a_server_that_dies_is_started_again_and_knows_the_runs(trusted: Session) -> None:
    before, after = trusted.facts["serverProcesses"]
    assert before != after
    titles = [run["title"] for run in trusted.facts["afterCrash"]["runs"]]
    assert "Release the greeter" in titles
    assert trusted.facts["problemsAfterCrash"] == len(trusted.facts["broken"])


def test_without_trust_problems_show_and_nothing_runs(untrusted: Session) -> None:
    assert untrusted.facts["isTrusted"] is False
    assert problem(untrusted, "step-dependency-unknown")
    assert untrusted.facts["refused"]["refused"]["code"] == "not-trusted"
    assert untrusted.facts["refusedLens"]["refused"]["code"] == "not-trusted"
    assert untrusted.facts["statusBefore"]["trusted"] is False


def test_the_refusal_is_a_sentence_that_offers_trust(untrusted: Session) -> None:
    assert "not trusted" in untrusted.seen["refusal"]["message"]
    assert untrusted.seen["refusal"]["buttons"] == ["Trust", "Simulate"]


def test_a_simulation_needs_no_trust_and_starts_nothing(untrusted: Session) -> None:
    assert untrusted.facts["dryRun"]["simulated"] is True
    assert "greeter.tar" not in untrusted.facts["filesBeforeTrust"]
    assert ".mplp" not in untrusted.facts["filesBeforeTrust"]


def test_the_trace_of_a_dry_run_tells_each_step_once(untrusted: Session) -> None:
    told = untrusted.facts["dryRunTrace"]
    for name in ("Format the sources", "Test the greeter", "Package the greeter"):
        assert len(re.findall(f"✓ {name}", told)) == 1, told
    assert "waits again" not in told


def test_with_trust_the_same_command_runs_the_plan(untrusted: Session) -> None:
    assert untrusted.facts["runAfterTrust"]["simulated"] is False
    assert untrusted.facts["afterTrust"] == "completed"
    assert (untrusted.project / "greeter.tar").exists()


def test_screenshots_of_each_stage_are_kept(trusted: Session, untrusted: Session) -> None:
    stages = ["problems", "palette", "running", "trace", "document", "failure", "approval", "question"]
    wanted = [f"vscode-trusted-{stage}.png" for stage in stages] + ["vscode-untrusted-refusal.png"]
    looks = ["hover", "completion", "outline", "calls", "actions", "graph", "explain", "rename-preview"]
    wanted += [f"vscode-author-{look}.png" for look in looks]
    for name in wanted:
        assert (OUT / name).stat().st_size > 20_000, name
