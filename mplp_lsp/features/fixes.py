"""Quick fixes: the mechanical repair of a finding, from what the finding itself carries.

A rule puts `suggestion` (a JSON value), `replacement` (the same in mplp.toml) or `insert_default` into its
data and gets a fix without a line here. Faults of the text are repaired by code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from mplp_lsp.analysis.located import Located
from mplp_lsp.analysis.name_places import places_of
from mplp_lsp.analysis.names import names_called
from mplp_lsp.features.cycle_cuts import cycle_cuts
from mplp_lsp.features.fresh import fresh_uuid
from mplp_lsp.features.id_repairs import malformed_id_repairs
from mplp_lsp.features.json_edits import item_added, item_removed, member_added, value_at
from mplp_lsp.features.lines_alone import LineAlone
from mplp_lsp.features.member_edits import member_moved, member_removed
from mplp_lsp.features.text_repairs import text_repair
from mplp_lsp.text.edits import Edit
from mplp_lsp.text.ndjson import Timeline
from mplp_lsp.workspace.documents import Document

_LONGEST_SHOWN = 60
_MOST_OPTIONS = 8
_BARE_TOML_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_REMOVABLE = {
    "list-duplicates": "Remove the second entry",
    "step-dependency-duplicate": "Remove the second mention",
    "step-dependency-self": "Remove this dependency",
    "step-dependency-unknown": "Remove this dependency",
}
_OWN_IDS = frozenset({"document-id-duplicate", "step-id-duplicate", "entry-id-duplicate"})
_NO_IDS = frozenset(
    ("id-malformed", "format-uuid", "id-version-other", "obs-event-id-is-uuid", "learning-sample-id-is-uuid")
)


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to repair a finding: edits in offsets of the text as it is; the obvious one is preferred."""

    title: str
    edits: tuple[Edit, ...]
    is_preferred: bool = False


def fixes(document: Document, found: Located) -> Iterator[Fix]:
    """What can be offered for one finding, the best first; nothing where no repair is mechanical."""
    if document.timeline is not None:
        yield from _fixes_of_line(document, document.timeline, found)
        return
    data, code = found.finding.data, found.finding.code
    if code.startswith(("json-", "toml-")):
        repair = text_repair(document, found)
        if repair is not None:
            yield Fix(repair.title, (repair.edit, *_rest_removed(data)), is_preferred=True)
        return
    if "suggestion" in data and document.toml is None:
        yield _replaced(document, found, data["suggestion"], is_preferred=True)
    elif "replacement" in data:
        yield _replaced_in_toml(document, found, data["replacement"])
    if "insert_default" in data:
        yield from _inserted(document, found, data)
    yield from _other_options(document, found, data)
    if code in _OWN_IDS:
        yield _fresh_id(document, found)
    elif code in _NO_IDS and "suggestion" not in data:
        for title, edits in malformed_id_repairs(document, found.finding.place.pointer):
            yield Fix(title, edits, is_preferred=True)
    if data.get("removable"):
        yield from _without_member(document, found, data.get("home"))
    if code in _REMOVABLE:
        removal = item_removed(document, found.finding.place.pointer)
        if removal is not None:
            yield Fix(_REMOVABLE[code], (removal,), is_preferred="suggestion" not in data)
    elif code == "plan-cycle":
        yield from (Fix(title, (edit,)) for title, edit in cycle_cuts(document, found))


def _fixes_of_line(document: Document, timeline: Timeline, found: Located) -> Iterator[Fix]:
    """Each line of a timeline is repaired as a document of its own."""
    line = LineAlone(document, timeline, found)
    for fix in fixes(line.document, line.located(found)):
        yield replace(fix, edits=tuple(map(line.edit, fix.edits)))


def _rest_removed(data: Mapping[str, object]) -> Iterator[Edit]:
    """What stands behind the document goes with what stands before it."""
    start, end = data.get("rest_start"), data.get("rest_end")
    if isinstance(start, int) and isinstance(end, int):
        yield Edit(start, end, "\n")


# Faults of values


def _replaced(document: Document, found: Located, value: object, *, is_preferred: bool) -> Fix:
    text = json.dumps(value, ensure_ascii=False)
    return Fix(
        _change_to(document, found, value, text),
        (Edit(found.start, found.end, text),),
        is_preferred=is_preferred,
    )


def _change_to(document: Document, found: Located, value: object, text: str) -> str:
    """One word for another needs no quotes in a menu; where the quotes are the repair they are shown."""
    is_word = isinstance(value, str) and document.text.slice(found.start, found.start + 1) in ('"', "'")
    return f"Change to {_shown(str(value) if is_word else text)}"


def _replaced_in_toml(document: Document, found: Located, value: object) -> Fix:
    is_bare = found.finding.place.part == "key" and isinstance(value, str) and _BARE_TOML_KEY.match(value)
    # JSON texts, numbers and lists of them are TOML as well.
    text = str(value) if is_bare else json.dumps(value, ensure_ascii=False)
    title = _change_to(document, found, value, text)
    return Fix(title, (Edit(found.start, found.end, text),), is_preferred=True)


def _other_options(document: Document, found: Located, data: Mapping[str, object]) -> Iterator[Fix]:
    """A short list of allowed values is offered as a whole, after the one that was probably meant."""
    allowed = data.get("allowed")
    if found.finding.place.part != "value" or not isinstance(allowed, list | tuple):
        return
    others = [option for option in allowed if option != data.get("suggestion")]
    if len(others) <= _MOST_OPTIONS:
        for option in others:
            yield _replaced(document, found, option, is_preferred=False)


def _inserted(document: Document, found: Located, data: Mapping[str, object]) -> Iterator[Fix]:
    pointer, value = found.finding.place.pointer, data["insert_default"]
    if data.get("insert_format") == "uuid":
        value = fresh_uuid(document, found.start)
    missing = data.get("missing")
    if isinstance(missing, str):
        edit = member_added(document, pointer, missing, value)
        if edit is not None:
            is_error = int(found.finding.severity) == 1
            yield Fix(f"Add `{missing}`", (edit,), is_preferred=is_error)
        return
    edit = item_added(document, pointer, value)
    if edit is not None:
        yield Fix("Add an entry", (edit,), is_preferred=True)


def _fresh_id(document: Document, found: Located) -> Fix:
    """A document's own id changes wherever the document names itself, as a trace does in its spans."""
    fresh = fresh_uuid(document, found.start)
    edits = [Edit(found.start, found.end, json.dumps(fresh))]
    tree = document.tree
    if found.finding.code == "document-id-duplicate" and tree is not None:
        own = value_at(tree, found.finding.place.pointer)
        called = names_called(document, own) if isinstance(own, str) else []
        places = places_of(document, [name for name in called if name.kind == document.kind])
        edits = [Edit(*place, fresh) for place in sorted(places)] or edits
    return Fix("Give it an id of its own", tuple(edits), is_preferred=True)


def _without_member(document: Document, found: Located, home: object) -> Iterator[Fix]:
    """A member that has no place here is moved to where it belongs, or taken out."""
    pointer = found.finding.place.pointer
    if isinstance(home, str) and (edits := member_moved(document, pointer, home)) is not None:
        yield Fix(f"Move `{pointer[-1]}` into `{home}`", edits, is_preferred=True)
    removal = member_removed(document, pointer)
    if removal is not None:
        is_obvious = pointer[-1] == "$schema" or found.finding.place.part == "value"
        yield Fix(f"Remove {_shown(str(pointer[-1]))}", (removal,), is_preferred=is_obvious)


def _shown(text: str) -> str:
    return f"`{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}`"
