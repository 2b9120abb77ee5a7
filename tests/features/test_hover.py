"""Hovers: what a key, a value or an id means, stands for and is doing; what is wrong where."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from lsprotocol import types

from mplp_lsp.features.hover import hover
from mplp_lsp.features.hover_roles import shown_command
from mplp_lsp.text.snapshot import Encoding
from mplp_runtime.orchestrator.views import StepView
from mplp_runtime.rules.world import Baseline
from tests.features.plans import META, NOW, PLAN, STEP, ended, plan_text, plan_value, run_view
from tests.project import ABLE_CLIENT, Project, project, uuid_of

PLAIN_CLIENT = replace(ABLE_CLIENT, markdown_hover=False)
CONTEXT = {
    "meta": META,
    "context_id": uuid_of("c1"),
    "root": {"domain": "software", "environment": "test"},
    "title": "The site",
    "status": "active",
}
ROLE = {"meta": META, "role_id": uuid_of("ro"), "name": "tester", "capabilities": ["test.run"]}
SETTINGS = '[roles.tester]\naction = "tool_call"\ncommand = ["pytest", "-q", "--token", "s3cret"]\n'


def seen_at(plan: str, before: str, after: str = "", **project_options: Any) -> Project:
    """A project whose cursor stands after the text `before` (its first place) of the plan."""
    at = plan.index(before) + len(before)
    marked = f"{plan[:at]}$0{plan[at:]}"
    files = f"-- site.context.json --\n{json.dumps(CONTEXT)}\n{after}-- a.plan.json --\n{marked}"
    return project(files, **project_options)


def hovered(seen: Project) -> types.Hover | None:
    document = seen.snapshot.document(seen.uri)
    assert document is not None
    position = types.Position(*document.text.position(seen.cursor[1], seen.snapshot.encoding))
    params = types.HoverParams(types.TextDocumentIdentifier(seen.uri), position)
    return hover(seen.snapshot, document, seen.cursor[1], params)


def text_of(seen: Project) -> str:
    found = hovered(seen)
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    return found.contents.value


def place_of(seen: Project) -> str:
    """The text that the hover is about."""
    found, document = hovered(seen), seen.snapshot.document(seen.uri)
    assert found is not None
    assert found.range is not None
    assert document is not None
    start, end = (
        document.text.offset(each.line, each.character, seen.snapshot.encoding)
        for each in (found.range.start, found.range.end)
    )
    return document.text.slice(start, end)


# Keys and values


def test_a_key_says_what_it_means_and_what_it_takes() -> None:
    seen = seen_at(plan_text(), '"obj')
    assert place_of(seen) == '"objective"'
    lines = text_of(seen).splitlines()
    assert lines[0] == "**Objective** · `objective`, required"
    assert "What will be true when the plan is done" in lines[2]
    assert "- Text, not empty" in lines


def test_a_key_that_holds_an_id_says_its_form() -> None:
    text = text_of(seen_at(plan_text(), '"plan_'))
    assert "**Plan id** · `plan_id`, required" in text
    assert "- A lower-case UUID of version 4" in text


def test_an_optional_key_says_so() -> None:
    assert "`dependencies`, optional" in text_of(seen_at(plan_text(), '"dependen'))


def test_a_key_named_status_shows_the_whole_life() -> None:
    text = text_of(
        seen_at(plan_text(), '"step_id": "' + STEP + '",\n      "description": "Step 1",\n      "stat')
    )
    assert "- `failed` → `pending` or `skipped`" in text
    assert "- `completed` is final" in text


def test_a_member_of_an_open_object_says_whose_it_is() -> None:
    extension = json.dumps({"extension_id": uuid_of("x"), "config": {"depth": {"limit": 3}}})
    at = extension.index('"limit') + 3
    text = text_of(project(f"-- a.extension.json --\n{extension[:at]}$0{extension[at:]}"))
    assert text.splitlines()[0] == "`limit` · free member of `config`"
    assert len(text.splitlines()) == 3


def test_a_status_says_what_may_follow_it() -> None:
    seen = seen_at(plan_text(status="proposed"), '"status": "prop')
    assert place_of(seen) == '"proposed"'
    assert text_of(seen).splitlines() == [
        "`proposed` · status of a plan",
        "",
        "Waiting for approval.",
        "",
        "- From `proposed` a plan goes to `approved` or `draft`.",
    ]


def test_a_status_that_is_final_says_so() -> None:
    text = text_of(seen_at(plan_text(status="cancelled"), '"status": "can'))
    assert "- Final: nothing follows it" in text


def test_a_status_knows_what_it_was_at_the_last_save() -> None:
    baseline = Baseline("draft", {STEP: "failed"})
    seen = seen_at(plan_text(status="approved"), '"status": "app', baselines=lambda *_: baseline)
    assert "At the last save it was `draft`. From `draft` a plan goes to `proposed`." in text_of(seen)
    seen = seen_at(plan_text(), '"Step 1",\n      "status": "pen', baselines=lambda *_: baseline)
    assert "At the last save it was `failed`." in text_of(seen)


def test_a_moment_is_shown_in_utc_and_its_span_without_a_clock() -> None:
    trace = {"started_at": "2026-03-14T10:26:53+01:00", "finished_at": "2026-03-14T09:28:08Z"}
    text = json.dumps({"meta": META, "trace_id": uuid_of("t"), **trace})
    at = text.index("2026") + 4
    shown = text_of(project(f"-- a.trace.json --\n{text[:at]}$0{text[at:]}"))
    assert shown.startswith("Saturday 14 March 2026, 09:26:53 UTC")
    assert "- From `started_at` to `finished_at`: 1 min 15 s" in shown


def test_nothing_is_said_between_things() -> None:
    assert hovered(seen_at(plan_text(status="approved"), '"status": "approved",\n ')) is None


def test_a_bracket_stands_for_what_it_opens() -> None:
    seen = seen_at(plan_text(), '"steps": [\n    ')
    assert place_of(seen) == "{"
    assert text_of(seen).startswith("**Step 1** · step 1 of 2 · `pending`")


# Ids


def test_a_dependency_shows_the_step_it_names() -> None:
    seen = seen_at(plan_text(steps=3), '"dependencies": [\n        "')
    assert place_of(seen) == f'"{STEP}"'
    lines = text_of(seen).splitlines()
    assert lines[0] == "**Step 1** · step 1 of 3 · `pending`"
    assert "- Waits for nothing" in lines
    assert "- Needed by: “Step 2” (pending)" in lines
    assert "- Role `tester`" in lines


def test_a_step_id_shows_both_its_sides_and_its_last_run() -> None:
    plan = plan_text(steps=3)
    failed = ended("s2", "failed", 2, attempt=2, error="exit code 1")
    runs = run_view("failed", ended("s1", "completed", 1), failed)
    text = text_of(seen_at(plan, f'"step_id": "{uuid_of("s2")[:4]}', runs=runs))
    assert "- Waits for: “Step 1” (completed)" in text
    assert "- Needed by: “Step 3” (pending)" in text
    assert "- Run 1: failed after 2.0 s, attempt 2, started 2026-01-01 00:00:00 UTC" in text
    assert "- Error: “exit code 1”" in text


def test_a_step_that_many_need_names_some_and_counts_the_rest() -> None:
    steps = [
        {"step_id": uuid_of(f"s{n}"), "description": f"Step {n}", "status": "pending"} for n in range(12)
    ]
    for step in steps[1:]:
        step["dependencies"] = [uuid_of("s0")]  # type: ignore[assignment]
    text = text_of(seen_at(json.dumps(plan_value() | {"steps": steps}), '"step_id": "'))
    assert "“Step 5” (pending) and 6 more" in text


def test_a_step_whose_question_is_open_shows_it() -> None:
    text = text_of(seen_at(plan_text(), '"step_id": "', runs=run_view(asks=["gate"])))
    assert "- Run 1: in progress, started 2026-01-01 00:00:00 UTC" in text
    assert "- Waits for an answer: “Well?”" in text


def test_a_dry_run_is_never_taken_for_a_run() -> None:
    runs = run_view("completed", ended("s1", "completed", 1), simulated=True)
    assert "- Dry run 1: completed in 1.0 s" in text_of(seen_at(plan_text(), '"step_id": "', runs=runs))


def test_a_dependency_on_nothing_says_so() -> None:
    plan = plan_text().replace(f'[\n        "{STEP}"', f'[\n        "{uuid_of("gone")}"')
    text = text_of(seen_at(plan, '"dependencies": [\n        "'))
    assert "No step of this plan has this id" in text
    assert "**step-dependency-unknown** · error" in text


def test_a_context_id_shows_the_context_and_who_uses_it() -> None:
    lines = text_of(seen_at(plan_text(), '"context_id": "')).splitlines()
    assert lines[0] == "**The site** · context · `active`"
    assert "- Used by: plan “Release”" in lines
    assert lines[-1] == "- In [site.context.json](file:///project/site.context.json)"


def test_a_plan_id_shows_the_plan_and_its_last_run() -> None:
    runs = run_view("failed", ended("s1", "completed", 1), ended("s2", "failed", 1, error="no"))
    text = text_of(seen_at(plan_text(), '"plan_id": "', runs=runs))
    assert "**Release** · plan · `draft`" in text
    assert "“It is out.”" in text
    assert "- 2 steps: 2 pending" in text
    assert "- Context: “The site” (active)" in text
    assert "- Run 1: failed, 2 of 2 steps over" in text
    assert "- Failed: “s2”: “no”" in text


def test_an_id_of_a_closed_document_leads_to_it() -> None:
    seen = seen_at(plan_text(), '"context_id": "')
    seen.workspace.close("file:///project/site.context.json")
    text = text_of(replace(seen, snapshot=seen.again()))
    # In these tests no file lies behind a closed document, so it is gone.
    assert "No document of this project has this id" in text


def test_an_unknown_id_is_not_called_unknown_while_the_project_is_read() -> None:
    plan = plan_text(context_id=uuid_of("later"))
    seen = seen_at(plan, '"context_id": "')
    assert "No document of this project" in text_of(seen)
    reading = replace(seen, snapshot=replace(seen.snapshot, is_complete=False))
    assert "No document" not in text_of(reading)


def test_a_span_of_a_participant_shows_what_is_declared() -> None:
    collab = {
        "collab_id": uuid_of("co"),
        "participants": [
            {"participant_id": "p-1", "role_id": "tester", "kind": "agent", "display_name": "Ann"}
        ],
    }
    text = json.dumps(collab)
    at = text.index("p-1") + 1
    shown = text_of(project(f"-- a.collab.json --\n{text[:at]}$0{text[at:]}"))
    assert "**Ann** · participant" in shown
    assert "- Kind: `agent`" in shown


def test_the_line_of_a_related_place_stands_apart_from_what_is_said_of_it() -> None:
    steps = [
        {"step_id": uuid_of(own), "description": own, "status": "pending", "dependencies": [uuid_of(other)]}
        for own, other in (("s1", "s2"), ("s2", "s1"))
    ]
    text = text_of(seen_at(json.dumps({**plan_value(), "steps": steps}), '"dependencies": ["'))
    assert "- line 1: Step 1 depends on step 2." in text


def test_a_rule_says_once_what_it_wants() -> None:
    first = {**plan_value()["steps"][0], "agent_role": ""}
    text = text_of(seen_at(json.dumps({**plan_value(), "steps": [first]}), '"agent_role": "'))
    assert text.count("leave the field out instead of leaving it blank") == 1
    assert "- Why: Looks at `steps[*].agent_role` of a plan" in text


def test_a_rule_that_fires_three_times_at_a_place_is_explained_once() -> None:
    text = text_of(project('$0{"title": "T", "steps": []}'))
    assert text.count("This plan needs ") == 3
    assert text.count("- Why: An object lacks something it must have.") == 1


def test_a_document_that_has_no_name_yet_is_called_by_its_file() -> None:
    assert "**a.plan.json** · plan" in text_of(project("$0{"))
    assert "**a.plan.json** · plan" in text_of(project('$0{"title": " "}'))


# Roles and settings


def test_a_role_says_what_a_run_would_do_and_never_a_secret() -> None:
    more = f"-- mplp.toml --\n{SETTINGS}-- r.role.json --\n{json.dumps(ROLE)}\n"
    text = text_of(seen_at(plan_text(), '"agent_role": "', more))
    assert text.splitlines()[0] == "**tester** · role"
    assert "- mplp.toml: runs `pytest -q --token •••`" in text
    assert "- Role document: [r.role.json](file:///project/r.role.json)" in text
    assert "- 2 steps have this role: “Release” (2)" in text
    assert "s3cret" not in text


def test_a_role_that_is_bound_nowhere_says_what_that_means() -> None:
    text = text_of(seen_at(plan_text(), '"agent_role": "', "-- mplp.toml --\n[run]\nmax_parallel = 1\n"))
    assert "- Bound nowhere in mplp.toml, so a run would refuse to start" in text


def test_a_role_is_not_called_unbound_while_another_line_of_mplp_toml_is_wrong() -> None:
    broken = SETTINGS + "[run]\nmax_parallel = 0\n"
    text = text_of(seen_at(plan_text(), '"agent_role": "', f"-- mplp.toml --\n{broken}"))
    assert "- mplp.toml has errors, so a run would refuse to start" in text
    assert "ound nowhere" not in text
    text = text_of(seen_at(plan_text(), '"agent_role": "'))
    assert "- Bound nowhere: the project has no mplp.toml, so a run would refuse to start" in text


def test_nothing_is_called_missing_while_the_project_is_being_read() -> None:
    seen = seen_at(plan_text(), '"agent_role": "')
    text = text_of(replace(seen, snapshot=replace(seen.snapshot, is_complete=False)))
    assert "- 2 steps have this role: “Release” (2)" in text
    assert "Bound nowhere" not in text
    seen = project('-- mplp.toml --\n[roles.te$0ster]\naction = "agent_handoff"\nto = "human"\n')
    assert "No step has this role" in text_of(seen)
    text = text_of(replace(seen, snapshot=replace(seen.snapshot, is_complete=False)))
    assert "A run is done by a person" in text
    assert "No step" not in text


@pytest.mark.parametrize(
    ("argument", "shown"),
    [
        ("https://me:s3cret@host/x", "https://•••@host/x"),
        ("https://host/x?token=s3cret&page=2", "https://host/x?token=•••&page=2"),
        ("Authorization: Bearer s3cret", "'Authorization: •••'"),
        ("--header=X-Api-Key: s3cret", "'--header=X-Api-Key: •••'"),
        ("export A=1; TOKEN=s3cret deploy", "'export A=1; TOKEN=••• deploy'"),
        ('{"password": "s3cret s3cret", "n": 1}', '\'{"password": •••, "n": 1}\''),
        ("tests/test_auth.py", "tests/test_auth.py"),
        ("https://auth.example/x", "https://auth.example/x"),
    ],
)
def test_a_secret_inside_an_argument_is_not_shown(argument: str, shown: str) -> None:
    assert shown_command(["run", argument]) == f"run {shown}"


@pytest.mark.parametrize(
    ("binding", "words"),
    [
        ('action = "agent_handoff"\nto = "human"', "is done by a person"),
        ('action = "agent_handoff"\nto = "boss"', "is handed to the role `boss`"),
        (
            'action = "llm_call"\nbase_url = "https://me:pw@ai.example/v1?key=1"\nmodel = "m"\nprompt = "p"',
            "asks the model `m` at `https://ai.example/v1`",
        ),
        (
            'action = "file_operation"\noperation = "copy"\nsource = "a"\ntarget = "b"',
            "copies `a` to `b`",
        ),
        ('action = "custom_action"\nhandler = "a.b:c"', "calls `a.b:c`"),
        ('action = "tool_call"\nserver = ["x"]\ntool = "search"', "calls the tool `search` of an MCP server"),
    ],
)
def test_each_action_is_said_in_words(binding: str, words: str) -> None:
    more = f"-- mplp.toml --\n[roles.tester]\n{binding}\n"
    text = text_of(seen_at(plan_text(), '"agent_role": "', more))
    assert words in text
    assert "pw" not in text


@pytest.mark.parametrize(
    ("marked", "lines"),
    [
        ("[ro$0les.tester]\n", ["**\\[roles\\]**", "What the steps of each role do"]),
        (
            '[roles.tes$0ter]\naction = "tool_call"\ncommand = ["make"]\n',
            ["**tester** · role", "- A run runs `make`", "2 steps have this role"],
        ),
        (
            "[run]\nmax_par$0allel = 2\n",
            ["**max\\_parallel**", "- A whole number, 1 or more", "- Default: the number of cores"],
        ),
        (
            '[run]\non_failure = "st$0op"\n',
            [
                "**on\\_failure**",
                "- One of `stop`, `continue-independent` and `rollback`",
                '- Default: `"stop"`',
            ],
        ),
        (
            '[roles.tester]\naction = "tool_call"\ntimeout$0_s = 5\n',
            ["- A number above 0", "- May only be narrower than in `[limits]`"],
        ),
        ('[gates]\nconfirm_steps = ["tes$0ter"]\n', ["**tester** · role", "2 steps have this role"]),
        ('[steps."<s1>$0"]\naction = "agent_handoff"\n', ["**Step 1** · step 1 of 2"]),
        ('[engine]\nki$0nd = "local"\n', ["Not yet acted on: steps run in this process"]),
    ],
)
def test_settings_are_explained(marked: str, lines: list[str]) -> None:
    seen = project(f"-- a.plan.json --\n{plan_text()}\n-- mplp.toml --\n{marked}")
    text = text_of(seen)
    for line in lines:
        assert line.replace("\\_", "_") in text.replace("\\_", "_"), text


# Findings


def test_a_finding_says_why_its_rule_fired_and_how_to_repair_it() -> None:
    seen = seen_at(plan_text().replace('"draft"', '"drafft"'), '"status": "')
    text = text_of(seen)
    assert text.startswith("**enum-value** · error") or " · error\n" in text
    assert "`drafft`" in text
    assert "- Why: " in text
    assert "- How to fix: " in text
    assert "](file://" in text
    assert "docs/diagnostics.md#" in text


def test_a_finding_on_a_bracket_is_said_there() -> None:
    plan = json.dumps({key: value for key, value in plan_value().items() if key != "objective"}, indent=2)
    text = text_of(seen_at(plan, "{"))
    assert "needs `objective`" in text


def test_broken_text_is_explained_where_it_breaks() -> None:
    plan = plan_text().replace('"title": "Release",', '"title": "Release"')
    seen = seen_at(plan, '"title": "Release"\n  "obj')
    assert "json-comma-missing" in text_of(seen)


def test_more_findings_than_fit_are_counted() -> None:
    steps = plan_value()["steps"]
    steps[1]["dependencies"] = [uuid_of("s2"), uuid_of("s2")]
    seen = seen_at(json.dumps(plan_value() | {"steps": steps}), f'["{uuid_of("s2")}", "')
    assert text_of(seen).count("- How to fix") >= 1


# Timelines


def test_an_event_type_says_what_it_means_and_when_it_was() -> None:
    event = {
        "event_id": uuid_of("e"),
        "event_type": "SAInitialized",
        "sa_id": uuid_of("sa"),
        "timestamp": "2026-01-01T00:00:00Z",
    }
    line = json.dumps(event)
    at = line.index("SAInit") + 3
    seen = project(f"-- a.events.ndjson --\n\n{line[:at]}$0{line[at:]}\n")
    text = text_of(seen)
    assert text.splitlines()[0] == "**SAInitialized** · event"
    assert "The agent exists and has its `sa_id`." in text
    assert "- At 2026-01-01 00:00:00 UTC" in text
    assert place_of(seen) == '"SAInitialized"'


def test_ids_in_a_timeline_lead_to_what_they_name() -> None:
    event = json.dumps({"event_id": uuid_of("e"), "event_type": "x", "plan_id": PLAN, "step_id": STEP})
    for word, title in ((PLAN, "**Release** · plan"), (STEP, "**Step 1** · step 1 of 2")):
        at = event.index(word) + 3
        marked = f"{event[:at]}$0{event[at:]}"
        seen = project(f"-- a.plan.json --\n{plan_text()}\n-- a.events.ndjson --\n{marked}\n")
        text = text_of(seen)
        assert text.startswith(title)
        assert "[a.plan.json](file:///project/a.plan.json)" in text


# Form


def test_what_people_write_has_no_effect_in_markdown() -> None:
    evil = "[x](command:evil) <img src=a> `code` **b** ![i](http://a) https://e.vil &lt; \u202e\u0007\n```x"
    steps = plan_value()["steps"]
    steps[0]["description"] = evil
    text = text_of(seen_at(json.dumps(plan_value() | {"steps": steps}), '"step_id": "'))
    first = text.splitlines()[0]
    assert "](" not in text.replace("\\](", "")
    assert "<img" not in text.replace("\\<img", "")
    assert "\\`code\\`" in first
    assert "https\\://e.vil" in first
    assert "\\&lt;" in first
    assert "\u202e" not in text
    assert "```" not in text.replace("\\`\\`\\`", "")
    assert first.startswith("**")


def test_plain_text_is_given_to_clients_that_show_no_markdown() -> None:
    seen = seen_at(plan_text(), '"step_id": "', client=PLAIN_CLIENT)
    found = hovered(seen)
    assert found is not None
    assert isinstance(found.contents, types.MarkupContent)
    assert found.contents.kind == types.MarkupKind.PlainText
    assert found.contents.value.splitlines()[:3] == [
        "Step 1 · step 1 of 2 · pending",
        "- Waits for nothing",
        "- Needed by: “Step 2” (pending)",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_the_range_is_right_in_each_encoding(encoding: Encoding) -> None:
    plan = plan_text(title="😀 été").replace("\n", " ")
    assert place_of(seen_at(plan, '"objective": "It', encoding=encoding)) == '"It is out."'


def test_every_card_is_short() -> None:
    plan = plan_text(steps=30)
    runs = run_view("failed", ended("s3", "failed", 1, error="x" * 5_000, output="y\n" * 5_000))
    for before in (
        '"plan_id": "',
        f'"step_id": "{uuid_of("s3")}',
        '"agent_role": "',
        '"status": "',
        '"steps',
    ):
        text = text_of(seen_at(plan, before, runs=runs))
        assert len([line for line in text.split("\n---\n")[-1].splitlines() if line]) <= 15
        assert max(map(len, text.splitlines())) < 900


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.plan.json", plan_text()),
        (
            "a.trace.json",
            json.dumps(
                {
                    "trace_id": uuid_of("t"),
                    "plan_id": PLAN,
                    "segments": [{"segment_id": uuid_of("g"), "status": "running"}],
                }
            ),
        ),
        (
            "a.confirm.json",
            json.dumps(
                {
                    "confirm_id": uuid_of("k"),
                    "target_type": "plan",
                    "target_id": PLAN,
                    "decisions": [{"decision_id": uuid_of("d")}],
                }
            ),
        ),
        (
            "a.events.ndjson",
            json.dumps({"event_id": uuid_of("e"), "event_type": "SAInitialized"}) + '\n{"event_type": 3}\n',
        ),
        ("mplp.toml", SETTINGS),
    ],
)
def test_each_beginning_of_a_document_can_be_hovered_over_everywhere(name: str, text: str) -> None:
    step = 1 if len(text) < 300 else 7
    for end in range(0, len(text) + 1, step):
        seen = project(f"-- {name} --\n{text[:end]}", runs=run_view())
        document = seen.snapshot.document(seen.uri)
        if document is None or document.kind is None:
            continue
        for offset in {0, end // 2, max(end - 2, 0), end}:
            params = types.HoverParams(types.TextDocumentIdentifier(seen.uri), types.Position(0, 0))
            found = hover(seen.snapshot, document, offset, params)
            if found is not None:
                assert found.range is not None
                start = document.text.offset(found.range.start.line, found.range.start.character, "utf-16")
                stop = document.text.offset(found.range.end.line, found.range.end.character, "utf-16")
                assert 0 <= start <= offset <= stop <= document.text.length


def test_a_step_of_a_run_that_is_under_way_shows_its_state_to_others() -> None:
    view = StepView(STEP, "Step 1", "in_progress", attempt=1, started_at=NOW)
    text = text_of(seen_at(plan_text(), f'"step_id": "{uuid_of("s2")}', runs=run_view("running", view)))
    assert "- Waits for: “Step 1” (in progress)" in text


def test_a_role_that_only_decides_is_not_called_unbound() -> None:
    confirm = json.dumps({"confirm_id": uuid_of("k"), "decisions": [{"decided_by_role": "human"}]})
    at = confirm.index("human") + 1
    text = text_of(project(f"-- a.confirm.json --\n{confirm[:at]}$0{confirm[at:]}"))
    assert text.splitlines() == ["**human** · role", "", "- No step has this role"]


def test_a_segment_shows_how_long_it_took_and_who_names_it() -> None:
    times = {"started_at": "2026-01-01T00:00:00Z", "finished_at": "2026-01-01T00:01:15Z"}
    segments = [
        {"segment_id": uuid_of("g1"), "label": "Build", "status": "completed", **times},
        {"segment_id": uuid_of("g2"), "label": "Test", "parent_segment_id": uuid_of("g1")},
    ]
    trace = json.dumps({"trace_id": uuid_of("t"), "segments": segments}, indent=1)
    for before in ('"parent_segment_id": "', '"segments": [\n  '):
        at = trace.index(before) + len(before)
        lines = (
            text_of(project(f"-- a.trace.json --\n{trace[:at]}$0{trace[at:]}"))
            .split("---\n")[-1]
            .splitlines()
        )
        assert "**Build** · segment · `completed`" in lines
        assert "- Took 1 min 15 s" in lines
        assert "- Used 1 time in this document" in lines


def test_an_own_id_that_nobody_uses_says_what_it_is_for() -> None:
    trace = json.dumps({"trace_id": uuid_of("t"), "root_span": {"span_id": uuid_of("sp")}})
    at = trace.index(uuid_of("sp")) + 1
    text = text_of(project(f"-- a.trace.json --\n{trace[:at]}$0{trace[at:]}"))
    assert "· span" in text
    assert "`span_id`, required" in text
