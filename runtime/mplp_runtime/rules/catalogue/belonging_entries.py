"""Codes about what documents other than plans say of each other."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import FIRST, SECOND, THIRD, Document, Entry, Example, Section, one

_CONTEXT = Document(f'{{"context_id": "{FIRST}", "title": "Shop"}}', "context")
_PLAN = Document(
    f'{{"plan_id": "{FIRST}", "context_id": "{FIRST}", "title": "Release",\n'
    f' "steps": [{{"step_id": "{SECOND}"}}]}}'
)
_WRITER = Document(f'{{"role_id": "{FIRST}", "name": "writer"}}', "role")
_CONFIRM = Document(f'{{"confirm_id": "{FIRST}"}}', "confirm")
_OF_CONTEXT = Document(
    f'{{"confirm_id": "{FIRST}", "target_type": "context", "target_id": "{THIRD}"}}', "confirm"
)
_ASLEEP = Document(f'{{"context_id": "{FIRST}", "status": "suspended"}}', "context")
_AWAKE = Document(f'{{"context_id": "{FIRST}", "status": "active"}}', "context")
_PENDING = Document(
    f'{{"confirm_id": "{SECOND}", "target_type": "plan", "target_id": "{FIRST}", "status": "pending"}}',
    "confirm",
)


def _confirm(kind: str, target: str) -> Document:
    return Document(f'{{"target_type": "{kind}", "target_id": "{target}"}}', "confirm")


def _traced(step_id: str) -> Document:
    segment = f'{{"segment_id": "{THIRD}", "attributes": {{"step_id": "{step_id}"}}}}'
    return Document(f'{{"plan_id": "{FIRST}",\n "segments": [{segment}]}}', "trace")


def _dialog(dialog_id: str, context_id: str, path: str) -> Document:
    return Document(
        f'{{"dialog_id": "{dialog_id}", "context_id": "{context_id}", "thread_id": "{THIRD}"}}',
        "dialog",
        path,
    )


def _collab(role: str) -> Document:
    return Document(f'{{"participants": [{{"participant_id": "a", "role_id": "{role}"}}]}}', "collab")


def _reference(module: str, confirm_id: str, own: str = "") -> str:
    return f'{{{own}"governance": {{"lastConfirmRef": {{"module": "{module}", "id": "{confirm_id}"}}}}}}'


def _core(status: str) -> Document:
    return Document(
        f'{{"status": "active", "modules": [{{"module_id": "role", "status": "{status}"}}]}}', "core"
    )


BELONGING_SECTION = Section(
    "Between documents",
    "What confirms, traces, dialogs, collabs, networks, extensions and cores say about other documents. "
    "Where "
    "the workspace has no document of the kind that is named, an unknown one is information only: it may "
    "stand "
    "elsewhere. The same holds for an id that more than three documents name.",
    (
        Entry(
            "context-unknown",
            "warning; information where it may stand elsewhere",
            "The document names a context that no document of the workspace is.",
            "Correct the id (a fix offers one that is nearly the same, or the context beside), or add the "
            "context.",
            Example(Document(f'{{"context_id": "{SECOND}"}}', "dialog"), (_CONTEXT,)),
            Example(Document(f'{{"context_id": "{FIRST}"}}', "dialog"), (_CONTEXT,)),
        ),
        Entry(
            "confirm-target-unknown",
            "warning; information where it may stand elsewhere",
            "A Confirm is about a document that is not in the workspace.",
            "Correct `target_id`. A fix offers one that is nearly the same, or the only one beside.",
            Example(_confirm("plan", SECOND), (_PLAN,)),
            Example(_confirm("plan", FIRST), (_PLAN,)),
        ),
        Entry(
            "confirm-target-type",
            "warning",
            "The target of a Confirm is a document of another kind than `target_type` says.",
            "Write the kind of the target. A fix does it.",
            Example(_confirm("trace", FIRST), (_PLAN,)),
            Example(_confirm("plan", FIRST), (_PLAN,)),
        ),
        Entry(
            "plan-approval-contradicts",
            "warning",
            "A plan is approved or in progress, but the newest Confirm about it is pending or rejected.",
            "Decide the Confirm, or put the plan's status back. The Confirm is linked.",
            Example(Document(f'{{"plan_id": "{FIRST}", "status": "approved"}}'), (_PENDING,)),
            Example(Document(f'{{"plan_id": "{FIRST}", "status": "proposed"}}'), (_PENDING,)),
        ),
        Entry(
            "trace-plan-unknown",
            "warning; information where it may stand elsewhere",
            "A trace names a plan that no document of the workspace is.",
            "Correct `plan_id`. A fix offers one that is nearly the same, or the only one beside.",
            Example(Document(f'{{"plan_id": "{SECOND}"}}', "trace"), (_PLAN,)),
            Example(Document(f'{{"plan_id": "{FIRST}"}}', "trace"), (_PLAN,)),
        ),
        Entry(
            "trace-step-unknown",
            "warning",
            "A segment says in its attributes which step it belongs to, and the plan of the trace has no "
            "such "
            "step. Not told of what the runtime recorded below `.mplp/`.",
            "Correct the `step_id`. A fix offers one that is nearly the same.",
            Example(_traced(THIRD), (_PLAN,)),
            Example(_traced(SECOND), (_PLAN,)),
        ),
        Entry(
            "trace-context-inactive",
            "warning",
            "A trace is running in a context that is not active. Where its plan is in progress it is told "
            "there, as "
            "`plan-context-inactive`.",
            "Activate the context, or end the trace.",
            Example(Document(f'{{"context_id": "{FIRST}", "status": "running"}}', "trace"), (_ASLEEP,)),
            Example(Document(f'{{"context_id": "{FIRST}", "status": "running"}}', "trace"), (_AWAKE,)),
        ),
        Entry(
            "role-unknown",
            "warning",
            "The workspace has Role documents, and none of them has the id or the name that a participant "
            "or a "
            "node gives as its role.",
            "Correct the role (a fix offers the one that was probably meant), or add a Role document.",
            Example(_collab("writr"), (_WRITER,)),
            Example(_collab("writer"), (_WRITER,)),
        ),
        Entry(
            "dialog-thread-context",
            "warning",
            "A dialog continues a thread that began in another context.",
            "Correct `thread_id` or `context_id`. The first dialog of the thread is linked.",
            Example(_dialog(FIRST, FIRST, "b.dialog.json"), (_dialog(SECOND, SECOND, "a.dialog.json"),)),
            Example(_dialog(FIRST, FIRST, "b.dialog.json"), (_dialog(SECOND, FIRST, "a.dialog.json"),)),
        ),
        Entry(
            "confirm-reference-unknown",
            "warning; information where it may stand elsewhere",
            "`governance.lastConfirmRef` names a Confirm that no document of the workspace is.",
            "Correct the id. A fix offers one that is nearly the same, or the only one beside.",
            Example(Document(_reference("confirm", SECOND), "role"), (_CONFIRM,)),
            Example(Document(_reference("confirm", FIRST), "role"), (_CONFIRM,)),
        ),
        Entry(
            "confirm-reference-module",
            "warning",
            "`governance.lastConfirmRef` names another kind of document than a Confirm.",
            "Write `confirm`, and the id of the Confirm. A fix does the former.",
            one(_reference("plan", FIRST), "role"),
            one(_reference("confirm", FIRST), "role"),
        ),
        Entry(
            "confirm-reference-other",
            "warning",
            "`governance.lastConfirmRef` names a Confirm that is about another document of the same kind.",
            "Name the Confirm of this document.",
            Example(
                Document(_reference("confirm", FIRST, f'"context_id": "{SECOND}", '), "context"),
                (_OF_CONTEXT, _CONTEXT),
            ),
            Example(
                Document(_reference("confirm", FIRST, f'"context_id": "{THIRD}", '), "context"),
                (_OF_CONTEXT, _CONTEXT),
            ),
        ),
        Entry(
            "core-module-in-use",
            "information",
            "An active Core has a module disabled of which the workspace has documents.",
            "Enable the module, or remove the documents.",
            Example(_core("disabled"), (_WRITER,)),
            Example(_core("enabled"), (_WRITER,)),
        ),
    ),
)
