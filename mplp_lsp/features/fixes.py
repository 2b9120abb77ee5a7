"""Quick fixes: the mechanical repair of a finding, from what the finding itself carries.

A rule puts `suggestion` (a JSON value), `replacement` (the same in mplp.toml) or `insert_default` into its
data and gets a fix without a line here. Faults of the text are repaired by code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.cycle_cuts import cycle_cuts
from mplp_lsp.features.id_repairs import fresh_uuid, malformed_id_repairs
from mplp_lsp.features.json_edits import item_added, item_removed, member_added
from mplp_lsp.features.member_edits import member_moved, member_removed
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.words import nearest

_LONGEST_SHOWN = 60
_MOST_OPTIONS = 8
_BARE_TOML_KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
_REMOVABLE = {
    "list-duplicates": "Remove the second entry",
    "step-dependency-duplicate": "Remove the second mention",
    "step-dependency-self": "Remove this dependency",
    "step-dependency-unknown": "Remove this dependency",
}
_OWN_IDS = frozenset({"document-id-duplicate", "step-id-duplicate"})
_LITERALS = {
    **{word: word for word in ("true", "false", "null")},
    **dict.fromkeys(("yes", "on"), "true"),
    **dict.fromkeys(("no", "off"), "false"),
    **dict.fromkeys(("none", "nil", "undefined"), "null"),
}


@dataclass(frozen=True, slots=True)
class Fix:
    """One way to repair a finding: edits in offsets of the text as it is; the obvious one is preferred."""

    title: str
    edits: tuple[Edit, ...]
    is_preferred: bool = False


def fixes(document: Document, found: Located) -> Iterator[Fix]:
    """What can be offered for one finding, the best first; nothing where no repair is mechanical."""
    data, code = found.finding.data, found.finding.code
    repair = _TEXT_REPAIRS.get(code)
    if repair is not None:
        fix = repair(document, found)
        if fix is not None:
            yield fix
        return
    if "suggestion" in data and document.toml is None:
        yield _replaced(found, data["suggestion"], is_preferred=True)
    elif "replacement" in data:
        yield _replaced_in_toml(found, data["replacement"])
    if "insert_default" in data:
        yield from _inserted(document, found, data)
    yield from _other_options(found, data)
    if code in _OWN_IDS:
        yield _fresh_id(document, found)
    elif code == "id-malformed" and "suggestion" not in data:
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


# Faults of values


def _replaced(found: Located, value: object, *, is_preferred: bool) -> Fix:
    text = json.dumps(value, ensure_ascii=False)
    return Fix(f"Change to {_shown(text)}", (Edit(found.start, found.end, text),), is_preferred=is_preferred)


def _replaced_in_toml(found: Located, value: object) -> Fix:
    is_bare = found.finding.place.part == "key" and isinstance(value, str) and _BARE_TOML_KEY.match(value)
    # JSON texts, numbers and lists of them are TOML as well.
    text = str(value) if is_bare else json.dumps(value, ensure_ascii=False)
    return Fix(f"Change to {_shown(text)}", (Edit(found.start, found.end, text),), is_preferred=True)


def _other_options(found: Located, data: Mapping[str, object]) -> Iterator[Fix]:
    """A short list of allowed values is offered as a whole, after the one that was probably meant."""
    allowed = data.get("allowed")
    if found.finding.place.part != "value" or not isinstance(allowed, list | tuple):
        return
    others = [option for option in allowed if option != data.get("suggestion")]
    if len(others) <= _MOST_OPTIONS:
        for option in others:
            yield _replaced(found, option, is_preferred=False)


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
    text = json.dumps(fresh_uuid(document, found.start))
    return Fix("Give it an id of its own", (Edit(found.start, found.end, text),), is_preferred=True)


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


# Faults of the text


def _comma_missing(document: Document, found: Located) -> Fix | None:
    """The comma belongs to what stands before it, not to the line of the next entry."""
    at = len(document.text.slice(0, found.start).rstrip(" \t\r\n"))
    return Fix("Insert a comma", (Edit(at, at, ","),), is_preferred=True)


def _removed(title: str) -> Callable[[Document, Located], Fix | None]:
    def repair(_document: Document, found: Located) -> Fix | None:
        return Fix(title, (Edit(found.start, found.end, ""),), is_preferred=True)

    return repair


def _quote_missing(document: Document, found: Located) -> Fix | None:
    text = document.text.slice(found.start, found.end)
    if not text.startswith('"'):
        return Fix("Insert the opening quote", (Edit(found.start, found.start, '"'),), is_preferred=True)
    return Fix("Insert the closing quote", (Edit(found.end, found.end, '"'),), is_preferred=True)


def _control_escaped(document: Document, found: Located) -> Fix | None:
    escaped = json.dumps(document.text.slice(found.start, found.end))[1:-1]
    return Fix(f"Write `{escaped}`", (Edit(found.start, found.end, escaped),), is_preferred=True)


def _literal(document: Document, found: Located) -> Fix | None:
    word = document.text.slice(found.start, found.end)
    if found.finding.data.get("expected") == '"':
        return _quoted(word, found)
    literal = _LITERALS.get(word.casefold()) or nearest(word, ("true", "false", "null"))
    if literal is None:
        return None
    return Fix(f"Change to `{literal}`", (Edit(found.start, found.end, literal),), is_preferred=True)


def _syntax(document: Document, found: Located) -> Fix | None:
    if found.finding.data.get("expected") == '"':
        return _quoted(document.text.slice(found.start, found.end), found)
    return None


def _quoted(word: str, found: Located) -> Fix:
    inner = word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'`" else word.strip("'`")
    text = json.dumps(inner, ensure_ascii=False)
    return Fix(f"Change to {_shown(text)}", (Edit(found.start, found.end, text),), is_preferred=True)


_TEXT_REPAIRS: Mapping[str, Callable[[Document, Located], Fix | None]] = {
    "json-comma-trailing": _removed("Remove the comma"),
    "json-comma-missing": _comma_missing,
    "json-comment": _removed("Remove the comment"),
    "json-bracket-extra": _removed("Remove the bracket"),
    "json-bom": _removed("Remove the byte order mark"),
    "json-string-unterminated": _quote_missing,
    "json-string-control": _control_escaped,
    "json-literal-invalid": _literal,
    "json-syntax": _syntax,
}
