"""Repairs of broken text: a character put in, taken out or replaced, where no other repair comes to mind."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.toml_repairs import title_of_toml_repair
from mplp_lsp.text.edits import Edit
from mplp_lsp.workspace.documents import Document
from mplp_runtime.rules.words import nearest

_LONGEST_SHOWN = 60
_LOOK_BACK = 4_000
_BLANKS = " \t\r\n"
_ENTRY_ENDS = _BLANKS + ","
# Where a bracket on a line of its own was taken out.
_COMMA_BELOW = re.compile(r"[ \t]*(?:\r\n|\n|\r)[ \t]*(?=,)")
_LINE_END = re.compile(r"[ \t]*(\r\n|\n|\r)")
_NAMES = {'"': "quote", ",": "comma", ":": "colon", "\\": "backslash", **dict.fromkeys("{}[]", "bracket")}
_LITERALS = {
    **{word: word for word in ("true", "false", "null")},
    **dict.fromkeys(("yes", "on"), "true"),
    **dict.fromkeys(("no", "off"), "false"),
    **dict.fromkeys(("none", "nil", "undefined"), "null"),
}
_NUMBER = re.compile(r"([+-]?)0*(\d*)(\.\d*)?([eE][+-]?\d+)?\Z")
_HEXADECIMAL = re.compile(r"([+-]?)0[xX]([0-9A-Fa-f]{1,300})\Z")


class TextRepair(NamedTuple):
    """What the menu says, and the one edit, in offsets of the text as it is."""

    title: str
    edit: Edit


def text_repair(document: Document, found: Located) -> TextRepair | None:
    """The repair of a fault of the text; None where it is anybody's guess."""
    known = _known(document, found)
    if known is not None:
        return known
    repair = _REPAIRS.get(found.finding.code)
    return repair(document, found) if repair is not None else None


def _known(document: Document, found: Located) -> TextRepair | None:
    """What the reader of the text says itself."""
    data = found.finding.data
    right = data.get("repair_text")
    start, end = (data.get(f"repair_{border}") for border in ("start", "end"))
    start, end = (end if start is None else start), (start if end is None else end)
    if not isinstance(right, str) or not isinstance(start, int) or not isinstance(end, int):
        return None
    if found.finding.code == "toml-syntax":
        return TextRepair(
            title_of_toml_repair(document.text.slice(start, end), right), Edit(start, end, right)
        )
    if right in ("}", "]") and start == end:
        return _closed(document, found.start, start, right)
    wrong = document.text.slice(start, end)
    return TextRepair(_title(wrong, right), Edit(start, end, right))


def _title(wrong: str, right: str) -> str:
    if not right.strip():
        if len(wrong) > _LONGEST_SHOWN or any(character in wrong for character in "`\r\n"):
            return "Remove what does not belong to the document"
        return f"Remove the {_NAMES[wrong[0]]}" if wrong[:1] in _NAMES else f"Remove {_shown(wrong.strip())}"
    if len(wrong) > 1 and len(right) > len(wrong) // 2 and wrong.count(",") + wrong.count(":") > 1:
        return "Write it as JSON"
    if not wrong:
        return f"Insert a {_NAMES[right]}" if right in '",:' else f"Insert {_shown(right)}"
    return f"Change {_shown(wrong)} to {_shown(right)}"


def _closed(document: Document, opener: int, end: int, bracket: str) -> TextRepair:
    """The closing bracket behind the last entry, on a line of its own where the opening one ends its line."""
    inside = document.text.slice(opener, end).rstrip(_ENTRY_ENDS)
    at = opener + len(inside)
    comma = _COMMA_BELOW.match(document.text.slice(at, at + _LOOK_BACK))
    if comma is not None:
        at += comma.end()
        return TextRepair(f"Insert `{bracket}`", Edit(at, at, bracket))
    line_end = _LINE_END.match(inside, 1)
    if line_end is None:
        return TextRepair(f"Insert `{bracket}`", Edit(at, at, bracket))
    before = document.text.slice(max(opener - _LOOK_BACK, 0), opener)
    line = re.split(r"[\r\n]", before)[-1]
    indent = line[: len(line) - len(line.lstrip(" \t"))]
    return TextRepair(f"Insert `{bracket}`", Edit(at, at, line_end.group(1) + indent + bracket))


def _shown(text: str) -> str:
    return f"`{text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + '…'}`"


def _comma_missing(document: Document, found: Located) -> TextRepair | None:
    """The comma belongs to what stands before it, not to the line of the next entry."""
    before = document.text.slice(max(found.start - _LOOK_BACK, 0), found.start)
    at = found.start - len(before) + len(before.rstrip(_BLANKS))
    return TextRepair("Insert a comma", Edit(at, at, ","))


def _removed(title: str) -> Callable[[Document, Located], TextRepair | None]:
    def repair(_document: Document, found: Located) -> TextRepair | None:
        return TextRepair(title, Edit(found.start, found.end, ""))

    return repair


def _quote_missing(document: Document, found: Located) -> TextRepair | None:
    text = document.text.slice(found.start, found.end)
    if not text.startswith('"'):
        return TextRepair("Insert the opening quote", Edit(found.start, found.start, '"'))
    return TextRepair("Insert the closing quote", Edit(found.end, found.end, '"'))


def _control_escaped(document: Document, found: Located) -> TextRepair | None:
    escaped = json.dumps(document.text.slice(found.start, found.end))[1:-1]
    return TextRepair(f"Write `{escaped}`", Edit(found.start, found.end, escaped))


def _escaped(document: Document, found: Located) -> TextRepair | None:
    """A quote or a backslash in a string gets the backslash it needs."""
    text = document.text.slice(found.start, found.end)
    if '"' in text and not text.startswith("\\"):
        right = text.replace('"', '\\"')
        return TextRepair('Write `\\"`', Edit(found.start, found.end, right))
    return TextRepair("Write `\\\\`", Edit(found.start, found.start + 1, "\\\\"))


def _number(document: Document, found: Located) -> TextRepair | None:
    text = document.text.slice(found.start, found.end)
    hexadecimal = _HEXADECIMAL.match(text)
    match = _NUMBER.match(text)
    if hexadecimal:
        right = f"{hexadecimal.group(1).strip('+')}{int(hexadecimal.group(2), 16)}"
    elif match and any(character.isdigit() for character in text):
        sign, whole, fraction, exponent = match.groups(default="")
        fraction = f"{fraction}0" if fraction == "." else fraction
        right = f"{sign.strip('+')}{whole or '0'}{fraction}{exponent}"
    else:
        right = json.dumps(text, ensure_ascii=False)
    return TextRepair(f"Change to {_shown(right)}", Edit(found.start, found.end, right))


def _literal(document: Document, found: Located) -> TextRepair | None:
    word = document.text.slice(found.start, found.end)
    if found.finding.data.get("expected") == '"':
        return _quoted(word, found)
    literal = _LITERALS.get(word.casefold()) or nearest(word, ("true", "false", "null"))
    if literal is None:
        return None
    return TextRepair(f"Change to `{literal}`", Edit(found.start, found.end, literal))


def _constant(_document: Document, found: Located) -> TextRepair | None:
    return TextRepair("Change to `null`", Edit(found.start, found.end, "null"))


def _syntax(document: Document, found: Located) -> TextRepair | None:
    """A key or a string in other quotes, or in none."""
    if found.finding.data.get("expected") == '"':
        return _quoted(document.text.slice(found.start, found.end), found)
    return None


def _quoted(word: str, found: Located) -> TextRepair:
    inner = word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'`" else word.strip("'`")
    text = json.dumps(inner, ensure_ascii=False)
    return TextRepair(f"Change to {_shown(text)}", Edit(found.start, found.end, text))


_REPAIRS: Mapping[str, Callable[[Document, Located], TextRepair | None]] = {
    "json-bom": _removed("Remove the byte order mark"),
    "json-bracket-extra": _removed("Remove the bracket"),
    "json-comma-missing": _comma_missing,
    "json-comma-trailing": _removed("Remove the comma"),
    "json-comment": _removed("Remove the comment"),
    "json-constant-invalid": _constant,
    "json-escape-invalid": _escaped,
    "json-literal-invalid": _literal,
    "json-number-invalid": _number,
    "json-string-control": _control_escaped,
    "json-string-unterminated": _quote_missing,
    "json-syntax": _syntax,
}
