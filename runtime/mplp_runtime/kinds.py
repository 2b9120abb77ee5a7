"""Which documents are ours, and of which kind: by name, by name and content, or by content alone.

A file that is not ours never gets a finding, so every doubt is decided against us.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, get_args

MODULES = ("context", "plan", "confirm", "trace", "role", "extension", "dialog", "collab", "core", "network")
"""The ten protocol objects that stand in files of their own."""

TIMELINE = "timeline"
"""NDJSON with one event a line; each line is a document of kind `event`."""

SETTINGS = "settings"
"""mplp.toml."""

NAMED = (*MODULES, "event", "sample")
KINDS = frozenset({*NAMED, "file-update", "git", "ci", "tool", TIMELINE, SETTINGS})
"""Every word a document's kind may be; also the words allowed in `mplp.files.associations`."""

Family = Literal[
    "import_process",
    "intent",
    "delta_intent",
    "impact_analysis",
    "compensation_plan",
    "methodology",
    "reasoning_graph",
    "pipeline_stage",
    "graph_update",
    "runtime_execution",
    "cost_budget",
    "external_integration",
]
"""What an event is about, as the frozen schemas list it."""

FAMILIES = frozenset(get_args(Family))

STATE_FOLDER = ".mplp"
"""Where the record of runs lies, below the project root; no step touches it."""

# Top-level keys of each kind that other formats with the same file name do not have. Generic words (`nodes`,
# `messages`, `modules`) are left out: a force graph's network.json or a chat log's dialog.json is foreign.
OWN_KEYS: Mapping[str, frozenset[str]] = {
    "context": frozenset({"context_id", "owner_role"}),
    "plan": frozenset({"plan_id", "objective", "steps"}),
    "confirm": frozenset({"confirm_id", "target_type", "target_id", "requested_by_role"}),
    "trace": frozenset({"trace_id", "root_span"}),
    "role": frozenset({"role_id"}),
    "extension": frozenset({"extension_id", "extension_type"}),
    "dialog": frozenset({"dialog_id"}),
    "collab": frozenset({"collab_id"}),
    "core": frozenset({"core_id"}),
    "network": frozenset({"network_id", "topology_type"}),
    "event": frozenset({"event_id", "event_family"}),
    "sample": frozenset({"sample_id", "sample_family"}),
}

# What the schemas require at the top (a test compares this table with them). Several rows for one kind are
# alternatives: an event is an EventCore, a single-agent event or a multi-agent event.
REQUIRED_KEYS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (kind, frozenset(keys.split()))
    for kind, keys in (
        ("context", "meta context_id root title status"),
        ("plan", "meta plan_id context_id title objective status steps"),
        ("confirm", "meta confirm_id target_type target_id status requested_by_role requested_at"),
        ("trace", "meta trace_id context_id root_span status"),
        ("role", "meta role_id name"),
        ("extension", "meta extension_id context_id name extension_type version status"),
        ("dialog", "meta dialog_id context_id status messages"),
        ("collab", "meta collab_id context_id title purpose mode status participants created_at"),
        ("core", "meta core_id protocol_version status modules"),
        ("network", "meta network_id context_id name topology_type status"),
        ("event", "event_id event_type event_family timestamp"),
        ("event", "event_id event_type timestamp sa_id"),
        ("event", "event_id event_type timestamp session_id"),
        ("sample", "sample_id sample_family created_at input output"),
        ("sample", "sample_id project_id success_flag timestamps"),
        ("file-update", "file_path change_type timestamp"),
        ("git", "repo_url commit_id ref_name event_kind timestamp"),
        ("ci", "ci_provider pipeline_id run_id status"),
        ("tool", "tool_id tool_kind invocation_id status"),
    )
)

# Each required set holds one of these (or an escape that could spell it); ids of parts are here because a
# long list may stand before the own id.
_MARKERS = (
    r'"(?:(?:context|plan|confirm|trace|role|extension|dialog|collab|core|network|event|sample|step|segment'
    r'|message)_id|protocol_version|change_type|event_kind|ci_provider|tool_kind)"|\\u00[0-7]'
)
# Integration events and samples may stand where an event is expected; one of these keys tells which it is.
_WITHOUT_ENVELOPE: tuple[tuple[str, frozenset[str]], ...] = (
    ("file-update", frozenset({"file_path", "change_type"})),
    ("git", frozenset({"repo_url", "ref_name", "event_kind"})),
    ("ci", frozenset({"ci_provider", "run_id"})),
    ("tool", frozenset({"tool_id", "tool_kind", "invocation_id"})),
    ("sample", frozenset({"sample_id", "sample_family"})),
)
_OF_EVENTS = frozenset({"event_id", "event_type", "event_family"})

# Keys that no other format has: with all of them, one more key of the same row may be missing.
_TELLING_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("event", frozenset({"event_family"})),
    ("sample", frozenset({"sample_id", "sample_family"})),
    ("git", frozenset({"ref_name", "event_kind"})),
    ("ci", frozenset({"ci_provider"})),
    ("tool", frozenset({"tool_kind"})),
)
_OWN_IDS = frozenset(f"{kind}_id" for kind in MODULES)
_PROFILE_EVENT = re.compile(r"(?:SA|MAP)[A-Z][a-z]+[A-Za-z]*$")
_LARGE_ENOUGH = 5
"""Required keys; of a kind with fewer, what is left when one is missing could be anybody's."""

_MARKERS_IN_TEXT = re.compile(_MARKERS)
_MARKERS_IN_BYTES = re.compile(_MARKERS.encode("ascii"))
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*[{/]")
# One of these is in each marker. A search for plain bytes takes a sixth of the time of one for the pattern.
_ENDS_OF_MARKERS = (b'_id"', b'_version"', b'_type"', b'_kind"', b'_provider"', b"\\u00")
_LONG_BYTES = 1_024

LONGEST_MARKER = 18
"""In characters: what an edit may complete reaches no further than this around it."""

HEAD_BYTES = 64 * 1024
"""How much of a foreign file is ever read to find out that it is foreign."""


@dataclass(frozen=True, slots=True)
class ByName:
    """What a name alone tells: the kind, or that content must decide (`bare`: the name is `<kind>.json`)."""

    kind: str | None
    decides: Literal["name", "content"] = "name"
    bare: str | None = None


FOREIGN = ByName(None)
_BY_CONTENT = ByName(None, "content")
_NAMES = frozenset(NAMED)
_OF_KIND = {kind: ByName(kind) for kind in KINDS}


def by_path(path: PurePath) -> ByName:
    """The verdict of a name and of the folders it lies in.

    >>> by_path(PurePath("release.plan.json")).kind, by_path(PurePath(".mplp/plan.json")).kind
    ('plan', 'plan')
    >>> by_path(PurePath("plan.json")).bare, by_path(PurePath("notes.txt")) == FOREIGN
    ('plan', True)
    """
    return by_last_name(path.name, in_state=STATE_FOLDER in path.parts)


def by_last_name(name: str, *, in_state: bool = False) -> ByName:
    """The verdict of a name without its folders; `in_state`: one of these is ours (`.mplp`)."""
    if name.endswith(".json"):
        stem, dot, word = name[:-5].rpartition(".")
        if word not in _NAMES:
            return _BY_CONTENT
        if dot:
            return _OF_KIND[word] if stem else _BY_CONTENT
        return _OF_KIND[word] if in_state else ByName(None, "content", bare=word)
    if name == "mplp.toml":
        return _OF_KIND[SETTINGS]
    if name.endswith(".ndjson"):
        ours = name.endswith((".events.ndjson", "-events.ndjson")) or name == "execution.ndjson"
        return _OF_KIND[TIMELINE] if ours else FOREIGN
    return FOREIGN


def by_content(header: object, bare: str | None = None) -> str | None:
    """The kind that the top-level keys tell. `bare` is the kind that the file's name suggests.

    A fault must not hide the document it is in: where the rest leaves no doubt, a key may be missing.

    >>> by_content({"meta": {}, "role_id": "r", "name": "n"}), by_content({"name": "n"})
    ('role', None)
    """
    if not isinstance(header, Mapping):
        return None
    keys = header.keys()
    if bare is not None and (OWN_KEYS[bare] & keys or _is_protocol_meta(header.get("meta"))):
        return bare
    if _is_click_of_somebody(header):
        return None
    present = [(len(required), kind) for kind, required in REQUIRED_KEYS if required <= keys]
    if not present:
        return _with_a_gap(header)
    most = max(count for count, _ in present)
    kinds = {kind for count, kind in present if count == most}
    return kinds.pop() if len(kinds) == 1 else None


def decided(
    verdict: ByName, header: object, has_ours_beside: Callable[[], bool] = lambda: False
) -> str | None:
    """The kind of a document with such a name and such a top; None where it is not ours.

    `header` is None or `{}` while it is empty. `has_ours_beside` says whether the folder holds other MPLP
    documents; it is asked only for an empty `<kind>.json`.
    """
    if verdict.decides == "name":
        return kind_of_event(header) if verdict.kind == "event" else verdict.kind
    if header is None or header == {}:
        return verdict.bare if verdict.bare and has_ours_beside() else None
    return by_content(header, verdict.bare)


def kind_of_event(value: object) -> str:
    """The kind of what stands where an event is expected: it may be an integration event or a sample."""
    if isinstance(value, Mapping) and _OF_EVENTS.isdisjoint(value):
        for kind, keys in _WITHOUT_ENVELOPE:
            if not keys.isdisjoint(value):
                return kind
    return "event"


def _is_click_of_somebody(header: Mapping[str, object]) -> bool:
    """Whether `session_id` is that of a website: events of sessions are common outside MPLP."""
    event_type = header.get("event_type")
    return (
        "session_id" in header
        and header.keys().isdisjoint({"event_family", "initiator_role", "target_roles", "sa_id"})
        and event_type is not None
        and not (isinstance(event_type, str) and event_type.casefold().startswith("map"))
    )


def _with_a_gap(header: Mapping[str, object]) -> str | None:
    """The kind of a document that lacks what it needs but is ours without a doubt.

    A module has the version block that only MPLP writes, and at most one required key is missing, or two
    beside a key of its own.
    """
    keys = header.keys()
    if not _is_protocol_meta(header.get("meta")):
        for kind, telling in _TELLING_KEYS:
            if telling <= keys and (kind != "event" or header["event_family"] in FAMILIES):
                return kind if any(_missing(each, keys) <= 1 for each in _rows(kind)) else None
        return "event" if _is_of_a_profile(header) else None
    ids = _OWN_IDS & keys
    near: list[tuple[int, int, str]] = []
    for kind in MODULES:
        if kind == "context" and ids - {"context_id"}:
            continue
        (required,) = _rows(kind)
        missing = _missing(required, keys)
        has_own = not OWN_KEYS[kind].isdisjoint(keys)
        if (missing == 1 and len(required) >= _LARGE_ENOUGH) or (missing <= 2 and has_own):
            near.append((missing, -len(required), kind))
    near.sort()
    if not near or (len(near) > 1 and near[0][:2] == near[1][:2]):
        return None
    return near[0][2]


def _is_of_a_profile(header: Mapping[str, object]) -> bool:
    """Whether `event_type` is written as only the two profiles do, and all but one key are there."""
    event_type = header.get("event_type")
    if not isinstance(event_type, str) or not _PROFILE_EVENT.match(event_type):
        return False
    session = "sa_id" if event_type.startswith("SA") else "session_id"
    return _missing(frozenset({"event_id", "timestamp", session}), header.keys()) <= 1


def _rows(kind: str) -> list[frozenset[str]]:
    return [required for row, required in REQUIRED_KEYS if row == kind]


def _missing(required: frozenset[str], keys: AbstractSet[str]) -> int:
    return len(required - keys)


def may_be_ours(head: bytes) -> bool:
    """Whether the first bytes of a `.json` file leave room for one of our documents; nearly always False."""
    start = _START.match(head)
    if start is None:
        return head.startswith((b"\xff\xfe", b"\xfe\xff"))
    if len(head) > _LONG_BYTES and not any(end in head for end in _ENDS_OF_MARKERS):
        return False
    return _MARKERS_IN_BYTES.search(head) is not None


def has_marker(text: str) -> bool:
    """Whether a text holds one of the keys without which no content is ours."""
    return _MARKERS_IN_TEXT.search(text) is not None


def _is_protocol_meta(meta: object) -> bool:
    return isinstance(meta, Mapping) and "protocol_version" in meta and "schema_version" in meta


def confirm_path(plan_path: Path) -> Path:
    """Where the Confirm of a plan lies: beside it.

    >>> confirm_path(Path("release.plan.json")).name, confirm_path(Path("plan.json")).name
    ('release.confirm.json', 'plan.confirm.json')
    """
    name = plan_path.name
    for ending in (".plan.json", ".json"):
        if name.endswith(ending) and name != ending:
            return plan_path.with_name(name.removesuffix(ending) + ".confirm.json")
    return plan_path.with_name(name + ".confirm.json")
