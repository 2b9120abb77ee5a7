"""Commands to look with: explain a finding, show a graph or a trace, check all, write statuses back."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mplp_lsp.features.doors import Door, doors
from mplp_lsp.features.plan_state import plan_state
from mplp_lsp.features.virtual_documents import SCHEMES
from mplp_lsp.server.capabilities import VIRTUAL_SCHEMES
from mplp_lsp.text.uris import path_of, uri_of
from mplp_lsp.workspace.snapshot import ClientView
from mplp_runtime.errors import DocumentInvalid, MplpError, RunUnknown
from tests.cli.process import runs_python, write_project
from tests.commands.session import Session, played
from tests.features.plans import applied

GREET = runs_python('print("hello")')
FAIL = runs_python("raise SystemExit(3)")
VIRTUAL = ClientView(show_document=True, document_changes=True, text_document_content=True)
SILENT = ClientView()


async def finished(session: Session, root: Path, plan: Path) -> str:
    """The id of a run of the plan that has ended."""
    answer = await session.run("runPlan", uri=uri_of(plan), approve=True)
    run: str = answer["run_id"]
    await session.runtimes[root].runs.wait(run)
    return run


# Explain


def test_explain_says_why_a_rule_fired_with_the_values(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET}, status="approvd")

    async def story(session: Session) -> None:
        codes = {"uri": uri_of(plan), "code": "value-not-allowed"}
        from mplp_lsp.features.diagnostics import findings_of

        document = session.snapshot(uri_of(plan)).document(uri_of(plan))
        assert document is not None
        found = [
            one
            for one in findings_of(session.snapshot(uri_of(plan)), document)
            if "approvd" in one.finding.message
        ]
        codes["code"] = found[0].finding.code
        answer = await session.run("explain", **codes, pointer="/status")
        assert answer["count"] == 1
        (one,) = answer["findings"]
        assert one["pointer"] == "/status"
        assert "`approvd`" in one["message"]
        assert one["values"]["suggestion"] == "approved"
        assert f"How to fix: {answer['fix']}".replace("`", "") in answer["text"]
        assert answer["documentation"].endswith(f"#{answer['code']}")
        assert json.dumps(answer)

    played(Session(tmp_path), story)


@pytest.mark.parametrize(
    ("can_ask", "answer", "pages"),
    [(True, None, 0), (True, "Open the page of this rule", 1), (False, None, 1)],
)
def test_an_explanation_is_shown_where_the_editor_would_drop_it(
    tmp_path: Path, can_ask: bool, answer: str | None, pages: int
) -> None:
    plan = write_project(tmp_path, {"greeter": GREET}, status="approvd")
    session = Session(tmp_path, answer=answer, can_ask=can_ask)

    async def story(session: Session) -> None:
        said = await session.run("explain", uri=uri_of(plan), code="value-not-allowed", show=True)
        assert session.asked == ([said["text"]] if can_ask else [])
        assert session.shown == [said["documentation"]] * pages

    played(session, story)


def test_explain_of_a_rule_that_is_content_says_so(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        answer = await session.run("explain", uri=uri_of(plan), code="plan-cycle")
        assert (answer["count"], answer["findings"]) == (0, [])
        assert answer["text"].startswith("plan-cycle does not fire here.")
        with pytest.raises(MplpError, match="Did you mean `plan-cycle`"):
            await session.run("explain", uri=uri_of(plan), code="plan-cycel")
        with pytest.raises(MplpError, match="Only MPLP documents"):
            await session.run("explain", uri=uri_of(tmp_path / "x.txt"), code="plan-cycle")

    played(Session(tmp_path), story)


# Graph and trace


def test_a_graph_opens_as_a_virtual_document_where_the_editor_has_them(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        session.client = VIRTUAL
        answer = await session.run("showGraph", uri=uri_of(plan), format="dot")
        assert answer["uri"].startswith("mplp-graph:/a.plan.dot?")
        assert session.shown == [answer["uri"]]
        assert 'label="Let the greeter work\\npending"' in answer["text"]
        assert not (tmp_path / ".mplp" / "views").exists()

    played(Session(tmp_path), story)


def test_a_graph_is_a_read_only_file_elsewhere(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        answer = await session.run("showGraph", uri=uri_of(plan))
        path = tmp_path / ".mplp" / "views" / "a.plan.mmd"
        assert session.shown == [answer["uri"]] == [uri_of(path)]
        assert path.read_text(encoding="utf-8") == answer["text"]
        assert not path.stat().st_mode & 0o222
        assert answer["text"].splitlines()[1] == "flowchart TD"
        # It is made anew each time, read-only or not.
        session.edit(plan, plan.read_text(encoding="utf-8").replace("Let the", "Have the"))
        await session.run("showGraph", uri=uri_of(plan))
        assert "Have the greeter work" in path.read_text(encoding="utf-8")

    played(Session(tmp_path), story)


def test_where_nothing_may_be_kept_the_answer_is_the_text(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    (tmp_path / "mplp.toml").unlink()

    async def story(session: Session) -> None:
        answer = await session.run("showGraph", uri=uri_of(plan))
        assert (answer["uri"], answer["shown"], session.shown) == (None, False, [])
        assert "flowchart TD" in answer["text"]

    played(Session(tmp_path), story)
    assert not (tmp_path / ".mplp").exists()


def test_an_editor_that_opens_nothing_gets_the_text_and_no_file(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        session.client = SILENT
        answer = await session.run("showGraph", uri=uri_of(plan))
        assert (answer["uri"], session.shown) == (None, [])
        with pytest.raises(MplpError, match="not `svg`"):
            await session.run("showGraph", uri=uri_of(plan), format="svg")
        with pytest.raises(DocumentInvalid, match="Only a plan"):
            await session.run("showGraph", uri=uri_of(tmp_path / "a.context.json"))

    played(Session(tmp_path), story)
    assert not (tmp_path / ".mplp" / "views").exists()


def test_plans_of_the_same_name_do_not_share_a_graph_file(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    text = plan.read_text(encoding="utf-8")
    other = tmp_path / "site" / plan.name
    other.parent.mkdir()
    other.write_text(text.replace("Let the", "Have the"), encoding="utf-8")

    async def story(session: Session) -> None:
        session.edit(plan, text)
        session.edit(other, other.read_text(encoding="utf-8"))
        for each in (plan, other):
            await session.run("showGraph", uri=uri_of(each))
        first, second = (path_of(uri) for uri in session.shown)
        assert first is not None
        assert second is not None
        assert "Let the greeter work" in first.read_text(encoding="utf-8")
        assert "Have the greeter work" in second.read_text(encoding="utf-8")

    played(Session(tmp_path), story)


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_view_never_follows_a_link_out_of_the_project(tmp_path: Path) -> None:
    root, outside = tmp_path / "work", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    plan = write_project(root, {"greeter": GREET})
    (root / ".mplp").mkdir()
    (root / ".mplp" / "views").symlink_to(outside)

    async def story(session: Session) -> None:
        assert (await session.run("showGraph", uri=uri_of(plan)))["uri"] is None

    played(Session(root), story)
    assert list(outside.iterdir()) == []


def test_a_trace_can_be_read_as_lines(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        first = await finished(session, tmp_path, plan)
        session.client = VIRTUAL
        session.edit(plan, plan.read_text(encoding="utf-8"))
        answer = await session.run("showTrace", run=first, format="text")
        assert answer["uri"] == f"mplp-trace:/a.plan.mplp-trace?{first}"
        assert session.shown == [answer["uri"]]
        lines = answer["text"].splitlines()
        assert lines[0].endswith(": run 1, completed")
        (step,) = [line for line in lines if line.startswith("✓ Let the greeter work")]
        assert "a.plan.json:" in step
        assert "            │ hello" in lines
        second = await finished(session, tmp_path, plan)
        assert (await session.run("showTrace", run=second, format="text"))["uri"].endswith(second)
        # An older run cannot be made again from its URI: it is a file.
        older = await session.run("showTrace", run=first, format="text")
        assert older["uri"].endswith(".mplp-trace")
        assert older["uri"].startswith("file:")
        with pytest.raises(MplpError, match="`json` and `text`"):
            await session.run("showTrace", run=first, format="html")

    played(Session(tmp_path), story)


def test_the_schemes_are_announced_as_they_are_answered() -> None:
    assert VIRTUAL_SCHEMES == SCHEMES


# The whole workspace


def test_the_whole_workspace_is_checked_and_counted(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET}, status="approvd")
    (tmp_path / "b.plan.json").write_text("{", encoding="utf-8")

    async def story(session: Session) -> None:
        answer = await session.run("validateWorkspace")
        assert answer["documents"] == len(list(tmp_path.glob("*.json"))) + 1
        files = {one["uri"]: one for one in answer["files"]}
        assert files[uri_of(plan)]["errors"] >= 1
        assert files[uri_of(tmp_path / "b.plan.json")]["errors"] >= 1
        assert answer["errors"] == sum(one["errors"] for one in answer["files"])
        assert answer["findings"] == sum(
            answer[word] for word in ("errors", "warnings", "information", "hints")
        )
        assert session.looked_again == 1
        assert (await session.run("validateWorkspace", uri=uri_of(plan)))["errors"] == answer["errors"]

    played(Session(tmp_path), story)


# Statuses


def test_statuses_of_a_run_are_written_as_a_versioned_edit(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    before = plan.read_text(encoding="utf-8")

    async def story(session: Session) -> None:
        session.edit(plan, before)
        run = await finished(session, tmp_path, plan)
        answer = await session.run("writeBackStatus", run=run)
        assert (answer["changed"], answer["applied"]) == (2, True)
        (edit,) = session.edits
        assert edit.document_changes is not None
        assert edit.document_changes[0].text_document.version == 1  # type: ignore[union-attr]
        after = applied(session.snapshot(uri_of(plan)), uri_of(plan), edit)
        expected = json.loads(before)
        expected["status"] = "completed"
        expected["steps"][0]["status"] = "completed"
        assert json.loads(after) == expected
        session.workspace.change(uri_of(plan), 2, [(None, after)])
        again = await session.run("writeBackStatus", run=run)
        assert (again["changed"], again["applied"]) == (0, False)

    played(Session(tmp_path), story)
    assert plan.read_text(encoding="utf-8") == before


def test_keystrokes_do_not_wait_while_a_long_plan_is_compared_with_what_ran(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mplp_runtime import approval_scope as scopes

    plan = write_project(tmp_path, {"greeter": GREET})
    compared_by: list[threading.Thread] = []
    real = scopes.approval_scope

    def watched(*arguments: Any) -> Any:
        compared_by.append(threading.current_thread())
        return real(*arguments)

    async def story(session: Session) -> None:
        run = await finished(session, tmp_path, plan)
        monkeypatch.setattr(scopes, "approval_scope", watched)
        assert (await session.run("writeBackStatus", run=run))["applied"]
        assert len(compared_by) == 2
        assert threading.current_thread() not in compared_by

    played(Session(tmp_path), story)


def test_statuses_are_not_written_into_a_text_that_has_changed(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})
    before = plan.read_text(encoding="utf-8")

    async def story(session: Session) -> None:
        session.edit(plan, before)
        run = await finished(session, tmp_path, plan)
        session.workspace.change(uri_of(plan), 2, [(None, before.replace("Let the", "Have the"))])
        with pytest.raises(DocumentInvalid, match="is not what run 1 ran"):
            await session.run("writeBackStatus", run=run)
        session.workspace.change(uri_of(plan), 3, [(None, before[:-3])])
        with pytest.raises(DocumentInvalid, match="cannot be read as it stands"):
            await session.run("writeBackStatus", run=run)
        session.workspace.change(uri_of(plan), 4, [(None, before)])
        session.applies_edits = False
        with pytest.raises(MplpError, match="did not take the edit"):
            await session.run("writeBackStatus", run=run)
        with pytest.raises(RunUnknown):
            await session.run("writeBackStatus", run="nobody")

    played(Session(tmp_path), story)


def test_a_dry_run_has_nothing_to_write(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"greeter": GREET})

    async def story(session: Session) -> None:
        answer = await session.run("dryRunPlan", uri=uri_of(plan))
        await session.runtimes[tmp_path].runs.wait(answer["run_id"])
        with pytest.raises(MplpError, match="A dry run has done nothing"):
            await session.run("writeBackStatus", run=answer["run_id"])

    played(Session(tmp_path), story)


def test_a_failed_run_leaves_its_words(tmp_path: Path) -> None:
    plan = write_project(tmp_path, {"breaker": FAIL, "greeter": GREET})

    async def story(session: Session) -> None:
        run = await finished(session, tmp_path, plan)
        await session.run("writeBackStatus", run=run)
        after = json.loads(applied(session.snapshot(uri_of(plan)), uri_of(plan), session.edits[0]))
        assert after["status"] == "failed"
        assert after["steps"][0]["status"] == "failed"

    played(Session(tmp_path), story)


def test_the_trace_of_an_encrypted_state_is_shown_and_leaves_no_readable_copy(tmp_path: Path) -> None:
    plan = write_project(tmp_path / "project", {"greeter": GREET}, status="approved")
    key = tmp_path / "key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    settings = plan.parent / "mplp.toml"
    settings.write_text(settings.read_text() + f'[state]\nencryption_key_file = "{key}"\n')

    async def story(session: Session) -> None:
        view = await session.run("runPlan", uri=uri_of(plan))
        await session.runtimes[plan.parent].runs.wait(view["run_id"])
        assert "Show trace" in {door.title for door in doors_of(session, plan)}
        answer = await session.run("showTrace", uri=uri_of(plan))
        assert json.loads(answer["text"])["status"] == "completed"
        assert (answer["trace_path"], answer["shown"], session.shown) == (None, False, [])
        as_lines = await session.run("showTrace", uri=uri_of(plan), format="text")
        assert "trace: kept encrypted" in as_lines["text"]
        assert not (plan.parent / ".mplp" / "views").exists()
        session.client = VIRTUAL
        shown = await session.run("showTrace", uri=uri_of(plan))
        assert (session.shown, shown["shown"]) == ([shown["uri"]], True)

    played(Session(plan.parent), story)


def doors_of(session: Session, plan: Path) -> list[Door]:
    snapshot = session.snapshot(uri_of(plan))
    document = snapshot.document(uri_of(plan))
    state = None if document is None else plan_state(snapshot, document)
    assert state is not None
    return list(doors(state, uri_of(plan)))
