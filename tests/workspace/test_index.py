from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mplp_lsp.workspace.index import Index
from mplp_runtime.rules.world import Baseline, DocumentFacts, Reference, StepFacts
from tests.project import uri, uuid_of


def context(name: str, word: str, **more: object) -> DocumentFacts:
    return DocumentFacts(uri(name), "context", uuid_of(word), ("context_id",), **more)  # type: ignore[arg-type]


def plan(name: str, word: str, refers_to: str, *roles: str) -> DocumentFacts:
    reference = Reference("context", uuid_of(refers_to), ("context_id",))
    steps = tuple(
        StepFacts(uuid_of(f"{word}-{number}"), (), "pending", role, None) for number, role in enumerate(roles)
    )
    return DocumentFacts(uri(name), "plan", uuid_of(word), ("plan_id",), references=(reference,), steps=steps)


def index_of(*facts: DocumentFacts) -> Index:
    return Index().updated((each.uri, each) for each in facts)


def test_declarations_are_found_by_kind_and_id_in_the_order_of_their_uris() -> None:
    second, first = context("b.context.json", "c1"), context("a.context.json", "c1")
    index = index_of(second, first, plan("p.plan.json", "c1", "c2"))
    assert list(index.declarations("context", uuid_of("c1"))) == [first, second]
    assert list(index.declarations("context", uuid_of("none"))) == []


def test_documents_are_ordered_by_uri_over_all_kinds() -> None:
    index = index_of(context("b.json", "c1"), plan("c.json", "p1", "c1"), context("a.json", "c2"))
    assert [facts.uri for facts in index.documents()] == [uri("a.json"), uri("b.json"), uri("c.json")]
    assert [facts.uri for facts in index.documents("context")] == [uri("a.json"), uri("b.json")]


def test_dependants_follow_a_document_that_takes_another_id() -> None:
    old = context("c.json", "c1")
    index = index_of(old, plan("p.json", "p1", "c1"), plan("q.json", "p2", "c2"))
    assert index.dependants(old.uri) == (uri("p.json"),)
    moved = index.updated([(old.uri, context("c.json", "c2"))])
    assert moved.dependants(old.uri) == (uri("q.json"),)
    assert index.dependants(old.uri) == (uri("p.json"),), "an index never changes"


def test_a_document_that_is_taken_out_leaves_nothing_behind() -> None:
    facts = plan("p.json", "p1", "c1")
    index = index_of(facts).updated([(facts.uri, None)])
    assert index == Index()


def test_facts_that_are_the_same_object_cost_no_new_index() -> None:
    facts = plan("p.json", "p1", "c1")
    index = index_of(facts)
    assert index.updated([(facts.uri, facts)]) is index
    assert index.updated([(uri("unknown.json"), None)]) is index


def test_a_uri_is_found_however_it_is_spelled() -> None:
    facts = DocumentFacts("file:///project/with%20blank/%C3%A4.plan.json", "plan", uuid_of("p1"))
    index = index_of(facts)
    assert index.facts("file:///project/with%20blank/%c3%a4.plan.json") is facts


def test_settings_are_read_when_asked_for_and_none_where_they_cannot_be() -> None:
    index = Index()
    assert index.settings() is None
    assert index.with_settings("[roles.").settings() is None
    read = index.with_settings('[roles.tester]\naction = "tool_call"\ncommand = ["true"]\n').settings()
    assert read is not None
    assert "tester" in read.roles


def test_baselines_come_from_whoever_knows_the_graph() -> None:
    baseline = Baseline("draft", {})
    index = Index().with_baselines(lambda kind, word: baseline if (kind, word) == ("plan", "x") else None)
    assert index.baseline("plan", "x") is baseline
    assert index.baseline("plan", "y") is None
    assert Index().baseline("plan", "x") is None


WORDS = st.sampled_from(["c1", "c2", "c3"])
NAMES = st.sampled_from(["a.json", "b.json", "c.json", "d.json"])
FACTS = st.one_of(
    st.builds(context, NAMES, WORDS),
    st.builds(plan, NAMES, st.sampled_from(["p1", "p2"]), WORDS),
)


@settings(max_examples=200)
@given(st.lists(st.one_of(FACTS, NAMES), max_size=25))
def test_updating_step_by_step_equals_building_anew(steps: list[DocumentFacts | str]) -> None:
    index = Index()
    present: dict[str, DocumentFacts] = {}
    for step in steps:
        if isinstance(step, str):
            index = index.updated([(uri(step), None)])
            present.pop(uri(step), None)
        else:
            index = index.updated([(step.uri, step)])
            present[step.uri] = step
    fresh = Index().updated(present.items())
    assert list(index.documents()) == list(fresh.documents())
    for word in ("c1", "c2", "c3", "p1", "p2"):
        for kind in ("context", "plan"):
            assert index.declarations(kind, uuid_of(word)) == fresh.declarations(kind, uuid_of(word))
        assert index.referring(uuid_of(word)) == fresh.referring(uuid_of(word))
