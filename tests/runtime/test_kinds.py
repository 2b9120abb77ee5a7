from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path, PurePath

import pytest

import mplp_schemas
from mplp_runtime.kinds import MODULES, OWN_KEYS, REQUIRED_KEYS, by_content, by_path, decided, may_be_ours

SHARED = Path(__file__).resolve().parents[2] / "../shared/mplp-v1.0.0"


def kind_of(
    path: PurePath, header: object = None, has_ours_beside: Callable[[], bool] = lambda: False
) -> str | None:
    return decided(by_path(path), header, has_ours_beside)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("a/site.plan.json", "plan"),
        ("a/site.context.json", "context"),
        ("x.event.json", "event"),
        ("x.sample.json", "sample"),
        ("run.events.ndjson", "timeline"),
        ("run-events.ndjson", "timeline"),
        ("execution.ndjson", "timeline"),
        ("mplp.toml", "settings"),
        (".mplp/plan.json", "plan"),
        (".mplp/traces/1.trace.json", "trace"),
    ],
)
def test_a_telling_name_is_enough(path: str, kind: str) -> None:
    assert kind_of(PurePath("/w") / path) == kind


@pytest.mark.parametrize(
    "path",
    [
        "package.json",
        "log.ndjson",
        "pyproject.toml",
        "plan.yaml",
        "my-plan.json",
        "notes.plan.md",
        ".plan.json",
        "plan.json.bak",
    ],
)
def test_other_names_are_foreign_while_they_are_empty(path: str) -> None:
    assert kind_of(PurePath("/w") / path) is None


def test_a_bare_name_needs_a_key_of_its_own_kind() -> None:
    trace = PurePath("/w/trace.json")
    assert kind_of(trace, {"traceEvents": [], "displayTimeUnit": "ms", "metadata": {}}) is None
    assert kind_of(trace, {"root_span": {}}) == "trace"
    assert kind_of(PurePath("/w/network.json"), {"nodes": [], "links": [], "name": "x"}) is None
    assert (
        kind_of(PurePath("/w/extension.json"), {"name": "x", "version": "1", "manifest_version": 3}) is None
    )
    assert kind_of(PurePath("/w/dialog.json"), {"messages": []}) is None
    assert (
        kind_of(PurePath("/w/role.json"), {"meta": {"protocol_version": "1.0.0", "schema_version": "1"}})
        == "role"
    )


@pytest.mark.parametrize("header", [None, {}])
def test_an_empty_bare_name_is_ours_only_beside_our_documents(header: object) -> None:
    assert kind_of(PurePath("/w/plan.json"), header) is None
    assert kind_of(PurePath("/w/plan.json"), header, has_ours_beside=lambda: True) == "plan"
    assert kind_of(PurePath("/w/any.json"), header, has_ours_beside=lambda: True) is None


@pytest.mark.parametrize(("kind", "required"), REQUIRED_KEYS)
def test_any_json_is_ours_when_the_required_keys_of_one_kind_are_there(
    kind: str, required: frozenset[str]
) -> None:
    assert kind_of(PurePath("/w/anything.json"), dict.fromkeys(required)) == kind


@pytest.mark.parametrize(("kind", "required"), [row for row in REQUIRED_KEYS if row[0] in MODULES])
def test_a_module_without_the_version_block_must_be_whole_to_be_ours(
    kind: str, required: frozenset[str]
) -> None:
    for key in required:
        assert by_content(dict.fromkeys(required - {key})) is None


@pytest.mark.parametrize(("kind", "required"), [row for row in REQUIRED_KEYS if row[0] in MODULES])
def test_a_module_with_the_version_block_is_ours_though_a_key_is_missing(
    kind: str, required: frozenset[str]
) -> None:
    versions = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    for key in required - {"meta"}:
        header = {**dict.fromkeys(required - {key}), "meta": versions}
        expected = None if (kind, key) == ("role", "role_id") else kind
        assert by_content(header) == expected, key


def test_a_version_block_with_anything_else_is_nobodys() -> None:
    versions = {"protocol_version": "1.0.0", "schema_version": "1.0.0"}
    assert by_content({"meta": versions, "name": "a handshake"}) is None
    assert by_content({"meta": versions, "title": "a form", "status": "open"}) is None


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"event_family": "intent", "event_id": "", "event_type": ""}, "event"),
        ({"event_family": "clicks", "event_id": "", "event_type": ""}, None),
        ({"event_type": "SAStepStarted", "event_id": "", "timestamp": ""}, "event"),
        ({"event_type": "SALE", "event_id": "", "timestamp": ""}, None),
        ({"event_type": "MAPTurnDispatched", "session_id": "", "event_id": ""}, "event"),
        ({"event_type": "click", "session_id": "", "event_id": "", "timestamp": ""}, None),
        ({"sample_id": "", "sample_family": "", "created_at": "", "input": {}}, "sample"),
        ({"tool_kind": "", "invocation_id": "", "status": ""}, "tool"),
        ({"tool_id": "", "invocation_id": "", "status": ""}, None),
        ({"ci_provider": "", "pipeline_id": "", "status": ""}, "ci"),
        ({"pipeline_id": "", "run_id": "", "status": ""}, None),
        ({"repo_url": "", "commit_id": "", "ref_name": "", "event_kind": ""}, "git"),
        ({"repo_url": "", "commit_id": "", "ref_name": "", "timestamp": ""}, None),
        ({"file_path": "", "change_type": ""}, None),
    ],
)
def test_events_with_a_gap_are_ours_by_words_that_nobody_else_uses(
    header: dict[str, object], kind: str | None
) -> None:
    assert by_content(header) == kind


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({"file_path": "a"}, "file-update"),
        ({"ref_name": "a"}, "git"),
        ({"ci_provider": "a"}, "ci"),
        ({"tool_id": "a"}, "tool"),
        ({"tool_id": "a", "event_id": "b"}, "event"),
        ({}, "event"),
        (None, "event"),
    ],
)
def test_an_event_file_may_hold_an_integration_event_without_an_envelope(header: object, kind: str) -> None:
    assert kind_of(PurePath("/w/build.event.json"), header) == kind


def test_ties_go_to_the_kind_with_most_required_keys() -> None:
    plan = next(keys for kind, keys in REQUIRED_KEYS if kind == "plan")
    context = next(keys for kind, keys in REQUIRED_KEYS if kind == "context")
    assert by_content(dict.fromkeys(plan | context)) == "plan"


def test_keys_of_two_kinds_with_equal_weight_are_nobodys() -> None:
    git = next(keys for kind, keys in REQUIRED_KEYS if kind == "git")
    network = {"meta", "network_id", "context_id", "name", "topology_type", "status"}
    plan = {"meta", "plan_id", "context_id", "title", "objective", "status", "steps"}
    confirm = {
        "meta",
        "confirm_id",
        "target_type",
        "target_id",
        "status",
        "requested_by_role",
        "requested_at",
    }
    assert by_content(dict.fromkeys(git | network)) == "network"
    assert by_content(dict.fromkeys(plan | confirm)) is None


def test_only_a_few_markers_make_a_file_worth_parsing() -> None:
    assert may_be_ours(b'\xef\xbb\xbf  {"meta": {}, "plan_id": ""}')
    assert not may_be_ours(b'{"name": "left-pad", "version": "1.0.0"}')
    assert not may_be_ours(b'["plan_id"]')
    assert not may_be_ours(b"")


def test_the_tables_agree_with_the_schemas() -> None:
    table: dict[str, list[frozenset[str]]] = {}
    for kind, keys in REQUIRED_KEYS:
        table.setdefault(kind, []).append(keys)
    for kind in (*MODULES, "file-update", "git", "ci", "tool"):
        schema = mplp_schemas.read(mplp_schemas.KINDS[kind])
        assert table[kind] == [frozenset(schema["required"])], kind
    for kind in ("event", "sa-event", "map-event"):
        assert frozenset(mplp_schemas.read(mplp_schemas.KINDS[kind])["required"]) in table["event"], kind
    for kind in ("sample", "sample-v2"):
        assert frozenset(mplp_schemas.read(mplp_schemas.KINDS[kind])["required"]) in table["sample"], kind
    for kind, own in OWN_KEYS.items():
        if kind in MODULES:
            assert own <= mplp_schemas.read(mplp_schemas.KINDS[kind])["properties"].keys(), kind


def test_every_required_set_has_a_marker() -> None:
    for kind, keys in REQUIRED_KEYS:
        assert may_be_ours(json.dumps(dict.fromkeys(sorted(keys))).encode()), kind


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the official data files are not beside this checkout")
def test_all_official_examples_are_recognised_by_content_alone() -> None:
    for path in sorted(SHARED.glob("examples/**/*.json")):
        if path.name == "event.valid.json":
            # An event as modules embed it: it stands in no file of its own, and its keys are anybody's.
            continue
        value = json.loads(path.read_text("utf-8"))
        folder = path.parent.name
        expected = path.name.split(".")[0] if folder == "examples" else None
        kind = by_content(value)
        assert may_be_ours(path.read_bytes()), path.name
        assert kind is not None, path.name
        assert expected is None or kind == expected, path.name


def test_a_name_tells_whether_the_content_must_be_asked() -> None:
    assert by_path(PurePath("plan.json")).decides == "content"
    assert by_path(PurePath("plan.json")).bare == "plan"
    assert by_path(PurePath("x.plan.json")).decides == "name"
    assert by_path(PurePath("x.txt")).kind is None
