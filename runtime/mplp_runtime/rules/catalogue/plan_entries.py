"""Codes about the graph of a plan, its statuses, and the documents around it."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, THIRD, Document, Entry, Example, Section, one


def _steps(*steps: str, status: str | None = None) -> str:
    head = f'{{"status": "{status}",\n ' if status is not None else "{"
    return f'{head}"steps": [\n  ' + ",\n  ".join(steps) + "]}"


def _step(step_id: str, *members: str, needs: str | None = None) -> str:
    dependencies = [f'"dependencies": ["{needs}"]'] if needs is not None else []
    return "{" + ", ".join([f'"step_id": "{step_id}"', *members, *dependencies]) + "}"


_SOUND = one(_steps(_step(FIRST), _step(SECOND, needs=FIRST)))
_COMPLETED = '"status": "completed"'
_PENDING = '"status": "pending"'
_RUNNING = '"status": "in_progress"'

GRAPH_SECTION = Section(
    "Steps and their dependencies",
    "What is wrong with the graph of a plan's steps. A plan with one of these errors does not run.",
    (
        Entry(
            "step-dependency-unknown",
            "error",
            "A step depends on an id that no step of the plan has.",
            "Correct the id (a fix offers a step whose id is nearly the same), or remove the dependency.",
            one(_steps(_step(FIRST, needs=THIRD))),
            _SOUND,
        ),
        Entry(
            "step-dependency-self",
            "error",
            "A step depends on itself, so it could never start.",
            "Remove the dependency. A fix does it.",
            one(_steps(_step(FIRST, needs=FIRST))),
            _SOUND,
        ),
        Entry(
            "step-dependency-duplicate",
            "warning",
            "A step lists the same dependency twice.",
            "Remove one of them.",
            one(_steps(_step(FIRST), _step(SECOND, f'"dependencies": ["{FIRST}", "{FIRST}"]'))),
            _SOUND,
        ),
        Entry(
            "step-id-duplicate",
            "error",
            "Two steps have the same id, so a dependency on it could mean either.",
            "Give one of them an id of its own. The other steps are linked.",
            one(_steps(_step(FIRST), _step(FIRST))),
            _SOUND,
        ),
        Entry(
            "plan-cycle",
            "error",
            "Steps wait for each other in a circle, so none of them could ever start. Each circle is told "
            "once, at "
            "the dependency that closes it; every edge of it is linked.",
            "Remove one of the dependencies; for each edge of the circle there is a fix that does it.",
            one(_steps(_step(FIRST, needs=SECOND), _step(SECOND, needs=FIRST))),
            _SOUND,
        ),
        Entry(
            "order-index-contradicts",
            "hint",
            "A step is numbered before a step on which it depends. Dependencies decide; the number is "
            "only used "
            "among steps that are free to run. A number that several steps contradict is told itself.",
            "Correct the number, or renumber all steps in the order of their dependencies: a refactoring "
            "does it.",
            one(_steps(_step(FIRST, '"order_index": 2'), _step(SECOND, '"order_index": 1', needs=FIRST))),
            one(_steps(_step(FIRST, '"order_index": 1'), _step(SECOND, '"order_index": 2', needs=FIRST))),
        ),
        Entry(
            "step-role-missing",
            "information",
            "A step has no `agent_role`. The protocol allows that, but nothing says who runs the step.",
            'Add an `agent_role`, the name of who does it: `"agent_role": "tester"`.',
            one(_steps(_step(FIRST))),
            one(_steps(_step(FIRST, '"agent_role": "tester"'))),
        ),
    ),
)

STATUS_SECTION = Section(
    "Statuses",
    "Statuses that cannot all be true, and changes that no lifecycle allows.",
    (
        Entry(
            "step-completed-before-dependency",
            "warning",
            "A step is completed although one of its dependencies is not.",
            "Correct one of the two statuses, or remove the dependency.",
            one(_steps(_step(FIRST, _PENDING), _step(SECOND, _COMPLETED, needs=FIRST))),
            one(_steps(_step(FIRST, _COMPLETED), _step(SECOND, _COMPLETED, needs=FIRST))),
        ),
        Entry(
            "step-started-before-dependency",
            "warning",
            "A step is in progress although one of its dependencies is not completed.",
            "Correct one of the two statuses, or remove the dependency.",
            one(_steps(_step(FIRST, _PENDING), _step(SECOND, _RUNNING, needs=FIRST), status="in_progress")),
            one(_steps(_step(FIRST, _COMPLETED), _step(SECOND, _RUNNING, needs=FIRST), status="in_progress")),
        ),
        Entry(
            "plan-completed-unfinished",
            "warning",
            "A plan is completed although a step is unfinished or failed.",
            "Complete or skip the step, or correct the plan's status.",
            one(_steps(_step(FIRST, '"status": "failed"'), status="completed")),
            one(_steps(_step(FIRST, _COMPLETED), status="completed")),
        ),
        Entry(
            "step-running-in-draft",
            "warning",
            "A step is in progress although the plan is a draft, proposed or approved, and has not started.",
            "Put the plan `in_progress`, or the step back to `pending`.",
            one(_steps(_step(FIRST, _RUNNING), status="draft")),
            one(_steps(_step(FIRST, _RUNNING), status="in_progress")),
        ),
        Entry(
            "status-transition-illegal",
            "warning",
            "Since the last save a status was changed in a way the lifecycle does not allow. The message "
            "names the "
            "states that may follow.",
            "Choose one of those, or take the change back. A fix does the latter.",
            Example(
                Document(f'{{"plan_id": "{FIRST}", "status": "completed"}}'),
                saved=Document(f'{{"plan_id": "{FIRST}", "status": "draft"}}'),
            ),
            Example(
                Document(f'{{"plan_id": "{FIRST}", "status": "proposed"}}'),
                saved=Document(f'{{"plan_id": "{FIRST}", "status": "draft"}}'),
            ),
        ),
    ),
)

_CONTEXT = Document(f'{{"context_id": "{FIRST}", "title": "Shop", "status": "active"}}', "context")
_ASLEEP = Document(f'{{"context_id": "{FIRST}", "title": "Shop", "status": "suspended"}}', "context")
_IN_CONTEXT = Document(f'{{"context_id": "{FIRST}"}}')
_ROLE = Document('{"name": "tester"}', "role")
_TESTER = Document('[roles.tester]\naction = "tool_call"\ncommand = ["pytest", "-q"]', "toml")
_TESTED = Document(_steps(_step(FIRST, '"agent_role": "tester"')))

_COPIED = Document(f'{{"plan_id": "{THIRD}", "context_id": "{FIRST}"}}', "plan", "two/plan.json")
_CORRECTED = Document(f'{{"plan_id": "{THIRD}", "context_id": "{SECOND}"}}', "plan", "two/plan.json")
_TWO_FOLDERS = (
    Document(f'{{"context_id": "{SECOND}"}}', "context", "two/context.json"),
    Document(f'{{"plan_id": "{SECOND}", "context_id": "{FIRST}"}}', "plan", "one/plan.json"),
    Document(f'{{"context_id": "{FIRST}"}}', "context", "one/context.json"),
)

WORLD_SECTION = Section(
    "Across documents",
    "What a document says about the others of its workspace.",
    (
        Entry(
            "plan-context-unknown",
            "warning; information where the workspace has no context at all",
            "The plan names a context that no document of the workspace is.",
            "Correct the id (a fix offers the context beside the plan), or add the context.",
            Example(Document(f'{{"context_id": "{SECOND}"}}'), (_CONTEXT,)),
            Example(_IN_CONTEXT, (_CONTEXT,)),
        ),
        Entry(
            "plan-context-ambiguous",
            "information",
            "Several documents say that they are the plan's context; the one nearest to the plan counts.",
            "Give the copies ids of their own.",
            Example(_IN_CONTEXT, (_CONTEXT, _ASLEEP)),
            Example(_IN_CONTEXT, (_CONTEXT,)),
        ),
        Entry(
            "plan-context-inactive",
            "error",
            "The plan is in progress, but its context is not active (invariant "
            "`sa_context_must_be_active`). The "
            "context's status is linked. A plan that is not in progress may belong to any context.",
            "Activate the context, or end the plan.",
            Example(Document(f'{{"context_id": "{FIRST}", "status": "in_progress"}}'), (_ASLEEP,)),
            Example(Document(f'{{"context_id": "{FIRST}", "status": "in_progress"}}'), (_CONTEXT,)),
        ),
        Entry(
            "plan-context-of-another",
            "warning",
            "The plan names the context of a plan in another folder, while a context of its own stands "
            "beside it: "
            "mostly a copied id.",
            "Name the context beside the plan. A fix does it.",
            Example(_COPIED, _TWO_FOLDERS),
            Example(_CORRECTED, _TWO_FOLDERS),
        ),
        Entry(
            "trace-context-mismatch",
            "warning; error in a trace that has ended and contradicts its plan",
            "The trace of a document, or the root span of a trace, names another context than the document "
            "itself; or a trace names another than its plan.",
            "Write the `context_id` of the document or of the plan. A fix does it.",
            Example(
                Document(f'{{"context_id": "{FIRST}", "trace": {{"context_id": "{SECOND}"}}}}'), (_CONTEXT,)
            ),
            Example(
                Document(f'{{"context_id": "{FIRST}", "trace": {{"context_id": "{FIRST}"}}}}'), (_CONTEXT,)
            ),
        ),
        Entry(
            "document-id-duplicate",
            "information",
            "Another document of the workspace has the same id. Kept copies are common; while both are "
            "there, "
            "references to the id could mean either.",
            "Give the copy an id of its own. The others are linked.",
            Example(_CONTEXT, (_CONTEXT,)),
            Example(_CONTEXT),
        ),
        Entry(
            "step-role-unknown",
            "warning",
            "The workspace has Role documents, and none of them is called as the step's `agent_role`.",
            "Correct the role (a fix offers the one that was probably meant), or add a Role document.",
            Example(Document(_steps(_step(FIRST, '"agent_role": "testr"'))), (_ROLE,)),
            Example(_TESTED, (_ROLE,)),
        ),
        Entry(
            "step-role-unbound",
            "hint",
            "`mplp.toml` says of no action what the role does, so its steps cannot run here, only be "
            "simulated. Told "
            "once per role, at its first step.",
            'Bind the role: add a table `[roles.<name>]` to `mplp.toml`, or `[steps."<step_id>"]` for one '
            "step.",
            Example(_TESTED),
            Example(_TESTED, (_TESTER,)),
        ),
    ),
)
