from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mplp_lsp.analysis.cross import MAY_BE_TAKEN_BACK, FactChange, affected_by_all
from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.workspace.index import Index
from mplp_runtime.rules.check import world_findings
from mplp_runtime.rules.world import DocumentFacts, EntryFacts, Reference, StepFacts
from tests.project import ROOT, Project, project, uri, uuid_of

META = '"meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"}'
PLAN = (
    f'{{{META}, "plan_id": "<p1>", "context_id": "<c1>", "title": "T", "objective": "O", '
    '"status": "in_progress", "steps": [{'
    '"step_id": "<s1>", "description": "D", "status": "pending", "agent_role": "tester"}]}'
)


def context(word: str = "c1", status: str = "active") -> str:
    return (
        f'{{{META}, "context_id": "<{word}>", "root": {{"domain": "d", "environment": "e"}}, '
        f'"title": "C", "status": "{status}"}}'
    )


def codes(seen: Project, name: str = "a.plan.json") -> set[object]:
    return {one.code for one in diagnostics(seen.again(), uri(name))}


@pytest.fixture
def seen() -> Project:
    return project(f"-- a.context.json --\n{context()}\n-- a.plan.json --\n{PLAN}")


def affected(before: DocumentFacts | None, after: DocumentFacts | None, index: Index) -> list[str]:
    return affected_by_all([FactChange(before, after)], index)


def test_a_context_that_takes_another_id_is_missed(seen: Project) -> None:
    assert "plan-context-unknown" not in codes(seen)
    before = seen.workspace.store.documents[uri("a.context.json")].facts
    seen.write("a.context.json", context("c2"))
    after = seen.workspace.store.documents[uri("a.context.json")].facts
    assert affected(before, after, seen.again().index) == [uri("a.plan.json")]
    assert "plan-context-unknown" in codes(seen)
    seen.write("a.context.json", context("c1"))
    assert "plan-context-unknown" not in codes(seen)


def test_a_context_that_is_deleted_is_missed_and_one_that_moves_is_not(seen: Project) -> None:
    (update,) = seen.workspace.close(uri("a.context.json"))
    assert update.before is not None
    assert affected(update.before.facts, None, seen.again().index) == [uri("a.plan.json")]
    assert "plan-context-unknown" in codes(seen)
    seen.write("moved/b.context.json", context())
    assert "plan-context-unknown" not in codes(seen)


def test_a_context_that_is_suspended_under_a_running_plan_is_told_at_the_plan(seen: Project) -> None:
    assert "plan-context-inactive" not in codes(seen)
    seen.write("a.context.json", context(status="suspended"))
    assert "plan-context-inactive" in codes(seen)


def test_a_second_document_with_the_same_id_is_told_at_both(seen: Project) -> None:
    seen.write("b.plan.json", PLAN)
    assert "document-id-duplicate" in codes(seen, "a.plan.json")
    assert "document-id-duplicate" in codes(seen, "b.plan.json")
    facts = seen.workspace.store.documents[uri("b.plan.json")].facts
    assert uri("a.plan.json") in affected(None, facts, seen.again().index)


def test_role_documents_make_unknown_roles_visible(seen: Project) -> None:
    assert "step-role-unknown" not in codes(seen)
    seen.write("a.role.json", f'{{{META}, "role_id": "<r1>", "name": "writer"}}')
    assert "step-role-unknown" in codes(seen)
    facts = seen.workspace.store.documents[uri("a.role.json")].facts
    assert uri("a.plan.json") in affected(None, facts, seen.again().index)


def test_settings_concern_all_plans_and_roles_of_plans_concern_the_settings(seen: Project) -> None:
    assert "step-role-unbound" in codes(seen)
    seen.write("mplp.toml", '[roles.tester]\naction = "agent_handoff"\nto = "human"\n')
    assert "step-role-unbound" not in codes(seen)
    settings = seen.workspace.store.documents[uri("mplp.toml")].facts
    assert uri("a.plan.json") in affected(None, settings, seen.again().index)
    plan = seen.workspace.store.documents[uri("a.plan.json")].facts
    assert plan is not None
    other = replace(plan, steps=(plan.steps[0]._replace(agent_role="baker"),))
    assert uri("mplp.toml") in affected(plan, other, seen.again().index)


OTHERS = {
    "confirm": '"confirm_id": "<k1>", "target_type": "plan", "target_id": "<p1>", "status": "pending", '
    '"requested_by_role": "lead", "requested_at": "2026-03-14T09:00:00Z"',
    "trace": '"trace_id": "<t1>", "context_id": "<c1>", "plan_id": "<p1>", "status": "running", '
    '"root_span": {"trace_id": "<t1>", "span_id": "<x1>"}, "segments": [{"segment_id": "<g1>", '
    '"label": "L", "status": "running", "attributes": {"step_id": "<s1>"}}]',
    "extension": '"extension_id": "<e1>", "context_id": "<c1>", "name": "N", "extension_type": "other", '
    '"version": "1.0.0", "status": "active", "governance": {"lastConfirmRef": {"id": "<k1>", '
    '"module": "confirm"}}',
    "collab": '"collab_id": "<l1>", "context_id": "<c1>", "title": "T", "purpose": "P", "mode": "swarm", '
    '"status": "draft", "participants": [{"participant_id": "a", "role_id": "baker", "kind": "agent"}], '
    '"created_at": "2026-03-14T09:00:00Z"',
    "network": '"network_id": "<n1>", "context_id": "<c1>", "name": "N", "topology_type": "mesh", '
    '"status": "active", "nodes": [{"node_id": "<n2>", "kind": "agent", "role_id": "baker", '
    '"status": "active"}]',
    "dialog": '"dialog_id": "<d1>", "context_id": "<c1>", "thread_id": "<h1>", "status": "active", '
    '"messages": []',
    "core": '"core_id": "<o1>", "protocol_version": "1.0.0", "status": "active", '
    '"modules": [{"module_id": "role", "version": "1", "status": "disabled"}]',
    "role": '"role_id": "<r1>", "name": "baker"',
}
CONTEXT_2 = context("c2").replace('"C"', '"D"')


def other(kind: str, old: str = "", new: str = "") -> str:
    text = f"{{{META}, {OTHERS[kind]}}}"
    assert old in text
    return text.replace(old, new) if old else text


@pytest.fixture
def everything() -> Project:
    """One document of each kind, all of them sound, and a context that nobody names."""
    texts = {
        "a.context.json": context(),
        "b.context.json": CONTEXT_2,
        "a.plan.json": PLAN.replace("in_progress", "draft"),
    }
    texts |= {f"a.{kind}.json": other(kind) for kind in OTHERS}
    return project("\n".join(f"-- {name} --\n{text}" for name, text in texts.items()))


@pytest.mark.parametrize(
    ("gone", "kind", "code"),
    [
        *(("a.context.json", kind, "context-unknown") for kind in ("trace", "extension", "collab")),
        *(("a.context.json", kind, "context-unknown") for kind in ("network", "dialog")),
        ("a.plan.json", "confirm", "confirm-target-unknown"),
        ("a.plan.json", "trace", "trace-plan-unknown"),
        ("a.confirm.json", "extension", "confirm-reference-unknown"),
    ],
)
def test_what_is_deleted_is_missed_at_once_and_what_comes_back_elsewhere_is_known(
    everything: Project, gone: str, kind: str, code: str
) -> None:
    name = f"a.{kind}.json"
    assert code not in codes(everything, name)
    text = everything.workspace.store.documents[uri(gone)].text.text
    (update,) = everything.workspace.close(uri(gone))
    assert update.before is not None
    assert uri(name) in affected(update.before.facts, None, everything.again().index)
    assert code in codes(everything, name)
    everything.write(f"moved/{gone}", text)
    facts = everything.workspace.store.documents[uri(f"moved/{gone}")].facts
    assert uri(name) in affected(None, facts, everything.again().index)
    assert code not in codes(everything, name)


@pytest.mark.parametrize(
    ("name", "text", "concerned", "code"),
    [
        ("a.plan.json", PLAN.replace("<s1>", "<s9>"), "trace", "trace-step-unknown"),
        ("a.plan.json", PLAN.replace("<c1>", "<c2>"), "trace", "trace-context-mismatch"),
        ("a.role.json", other("role", "baker", "cook"), "collab", "role-unknown"),
        ("a.role.json", other("role", "baker", "cook"), "network", "role-unknown"),
        ("a.plan.json", PLAN.replace("in_progress", "approved"), "plan", "plan-approval-contradicts"),
        (
            "0.dialog.json",
            other("dialog", "<d1>", "<d0>").replace("<c1>", "<c2>"),
            "dialog",
            "dialog-thread-context",
        ),
    ],
)
def test_an_edit_elsewhere_is_told_at_once_where_it_matters(
    everything: Project, name: str, text: str, concerned: str, code: str
) -> None:
    target = f"a.{concerned}.json"
    assert code not in codes(everything, target)
    document = everything.workspace.store.document(uri(name))
    before = document.facts if document is not None else None
    everything.write(name, text)
    after = everything.workspace.store.documents[uri(name)].facts
    assert name == target or uri(target) in affected(before, after, everything.again().index)
    assert code in codes(everything, target)


def test_a_confirm_that_is_decided_is_told_at_its_plan(everything: Project) -> None:
    everything.write("a.plan.json", PLAN.replace("in_progress", "approved"))
    assert "plan-approval-contradicts" in codes(everything)
    before = everything.workspace.store.documents[uri("a.confirm.json")].facts
    everything.write("a.confirm.json", other("confirm", '"pending"', '"cancelled"'))
    after = everything.workspace.store.documents[uri("a.confirm.json")].facts
    assert uri("a.plan.json") in affected(before, after, everything.again().index)
    assert "plan-approval-contradicts" not in codes(everything)


def test_the_first_document_of_a_disabled_module_is_told_at_the_core(everything: Project) -> None:
    assert "core-module-in-use" in codes(everything, "a.core.json")
    (update,) = everything.workspace.close(uri("a.role.json"))
    assert update.before is not None
    assert uri("a.core.json") in affected(update.before.facts, None, everything.again().index)
    assert "core-module-in-use" not in codes(everything, "a.core.json")


def test_equal_facts_concern_nobody(seen: Project) -> None:
    facts = seen.workspace.store.documents[uri("a.context.json")].facts
    assert facts is not None
    assert affected(facts, replace(facts), seen.again().index) == []


WORDS = {"plan": "p", "context": "c", "confirm": "k", "trace": "t", "role": "r", "dialog": "d", "collab": "l"}


def random_facts(chance: random.Random, name: str) -> DocumentFacts:
    """A document that names others, some of them there and some not."""
    kind = chance.choice(["plan", "plan", "trace", "core", "network", *WORDS])

    def an_id(of: str) -> str:
        return uuid_of(WORDS.get(of, of[0]) + chance.choice("123"))

    def some(*entries: EntryFacts) -> tuple[EntryFacts, ...]:
        return tuple(entry for entry in entries if chance.random() < 0.7)

    named = {
        "plan": {"context_id": "context"},
        "trace": {"context_id": "context", "plan_id": "plan"},
        "confirm": {"target_id": chance.choice(["plan", "context"])},
        "dialog": {"context_id": "context"},
        "collab": {"context_id": "context"},
        "network": {"context_id": "context"},
    }.get(kind, {})
    references = [Reference(other, an_id(other), (member,)) for member, other in named.items()]
    if kind == "dialog":
        references.append(Reference(None, uuid_of("thread"), ("thread_id",)))
    if kind in ("context", "collab"):
        references.append(Reference("confirm", an_id("confirm"), ("governance", "lastConfirmRef", "id")))
    role = chance.choice(["tester", "writer", uuid_of("r1")])
    modules = [EntryFacts(module, chance.choice(["enabled", "disabled"])) for module in WORDS]
    entries = {
        "trace": {
            "segments": some(EntryFacts(uuid_of("g"), "running", step=uuid_of(f"s{chance.choice(NAMES)}")))
        },
        "confirm": {"decisions": some(EntryFacts(uuid_of("x"), "approved"))},
        "collab": {"participants": some(EntryFacts("a", role=role))},
        "network": {"nodes": some(EntryFacts(uuid_of("n"), role=role))},
        "core": {"modules": some(*modules)},
    }.get(kind, {})
    steps = (StepFacts(uuid_of(f"s{name}"), (), "pending", chance.choice(["tester", "writer", None]), None),)
    return DocumentFacts(
        uri(name),
        kind,
        an_id(kind),
        (f"{kind}_id",),
        title=chance.choice(["tester", "writer", "One"]),
        status=chance.choice(
            ["draft", "active", "in_progress", "approved", "pending", "running", "suspended"]
        ),
        references=tuple(references),
        steps=steps if kind == "plan" else (),
        entries=entries,
    )


NAMES = ("a.json", "b.json", "x/c.json", "x/d.json", "y/e.json", "y/f.json")


@pytest.mark.parametrize("seed", range(60))
def test_whoever_has_other_findings_after_a_change_was_named_as_affected(seed: int) -> None:
    chance = random.Random(seed)
    present = {name: random_facts(chance, name) for name in NAMES if chance.random() < 0.8}
    index = Index().updated((facts.uri, facts) for facts in present.values())
    for _ in range(12):
        name = chance.choice(NAMES)
        before = present.pop(name, None)
        after = random_facts(chance, name) if before is None or chance.random() < 0.7 else None
        if after is not None:
            present[name] = after
        changed = index.updated([(uri(name), after)])
        named = affected(before, after, changed)
        for other in present.values():
            if other.uri != uri(name) and world_findings(other, index) != world_findings(other, changed):
                assert other.uri in named, (before, after, other)
        index = changed


@pytest.mark.parametrize("seed", range(40))
def test_of_many_changes_at_once_whoever_has_other_findings_was_named(seed: int) -> None:
    chance = random.Random(seed)
    present = {name: random_facts(chance, name) for name in NAMES if chance.random() < 0.8}
    index = Index().updated((facts.uri, facts) for facts in present.values())
    changes: list[FactChange] = []
    for name in chance.sample(NAMES, 3):
        before = present.pop(name, None)
        after = random_facts(chance, name) if before is None or chance.random() < 0.7 else None
        if after is not None:
            present[name] = after
        changes.append(FactChange(before, after))
    changed = index.updated((uri(name), present.get(name)) for name in NAMES)
    named = affected_by_all(changes, changed)
    own = {facts.uri for change in changes for facts in change[:2] if facts is not None}
    assert own.isdisjoint(named)
    for other in present.values():
        if other.uri not in own and world_findings(other, index) != world_findings(other, changed):
            assert other.uri in named, (changes, other)


@pytest.mark.parametrize("seed", range(200))
def test_what_is_told_before_all_is_known_is_not_taken_back(seed: int) -> None:
    """But for what depends on which of several documents with one id is the nearest."""
    chance = random.Random(seed)
    present = [random_facts(chance, name) for name in NAMES]
    late = chance.choice(present)
    if any(other is not late and (other.kind, other.id) == (late.kind, late.id) for other in present):
        return
    all_of_them = Index().updated((facts.uri, facts) for facts in present)
    without = all_of_them.updated([(late.uri, None)])
    for facts in present:
        if facts is late:
            continue
        early = {(one.code, one.place) for one in world_findings(facts, without)}
        final = {(one.code, one.place) for one in world_findings(facts, all_of_them)}
        assert {code for code, _ in early - final} <= MAY_BE_TAKEN_BACK, (facts, late)


def test_while_documents_may_still_be_found_nothing_is_called_missing() -> None:
    seen = project(f"-- a.plan.json --\n{PLAN}\n-- b.plan.json --\n{PLAN}")
    seen.workspace.set_partial(ROOT, is_partial=True)
    early = replace(seen.again(), is_complete=False)
    told = {one.code for one in diagnostics(early, uri("a.plan.json"))}
    assert "document-id-duplicate" in told
    assert "plan-context-unknown" not in told
    seen.workspace.set_partial(ROOT, is_partial=False)
    assert "plan-context-unknown" in codes(seen)
