"""What people write in mplp.toml who know other formats (JSON, YAML, Python), and how TOML has it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mplp_lsp.text.edits import Edit
from mplp_lsp.text.toml_sense import nearest_key
from mplp_lsp.text.toml_statements import PAIR_START
from mplp_runtime.rules.words import distance

_BARE_VALUE = re.compile(r"=[ \t]*([^\s\"'\[\]{},#=][^\"'\[\]{},#=\n]*?)[ \t]*(?:#[^\n]*)?\Z")
_LITERAL_LIKE = re.compile(r"=[ \t]*([^\s]{1,6}(?:\n[^\s]{0,4})?)[ \t]*(?:#[^\n]*)?\Z")
_BARE_LIST = re.compile(r"=[ \t]*(\[[^\[\]{}#=]*\])[ \t]*(?:#[^\n]*)?\Z")
_ENTRY = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s,\[\]\"'][^,\[\]\"'\n]*")
_TABLE = re.compile(r"=[ \t]*(\{.*\})[ \t]*(?:#[^\n]*)?\Z", re.DOTALL)
_TABLE_PIECE = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|,\s*(?=\})|\s*:\s*|\s*\n\s*|[^\"':,\n\s]+|[\s,]")
_LITERALS = {
    **dict.fromkeys(("True", "TRUE", "yes", "Yes", "on", "On"), "true"),
    **dict.fromkeys(("False", "FALSE", "no", "No", "off", "Off"), "false"),
}
_LEADING_ZEROS = re.compile(r"[+-]?0+(?=[0-9])[0-9]+\Z")
_TABLE_NAME = re.compile(r"\[\[?[ \t]*([^\n.]{3,40}?)(?=\.|\]+[ \t]*(?:#|\Z))")
_BEFORE_VALUE = re.compile(r"[ \t]*=")
_WITH_SIGNS = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_NAME = 40
_YAML = re.compile(
    r"([A-Za-z_][\w-]*)[ \t]*:[ \t]*([^\s\"'\[\]{},#=:][^\"'\[\]{},#=\n]*?)[ \t]*(?:#[^\n]*)?\Z"
)
_TEXT_END = '"""'
_SCALAR = re.compile(r"(?:true|false|[+-]?[0-9]+(?:\.[0-9]+)?)\Z")
_SLASHES = re.compile(r"(?:\A|(?<=[ \t]))(//|--)(?=[ \t]|\Z|\w)")
_QUOTES = re.compile("[\u201c\u201d\u201e].*[\u201c\u201d]")
_CURLY = re.compile("[\u201c\u201d\u201e]")
_PLAIN_ROLE = re.compile(r"\[\[?[ \t]*(?:roles|steps)[ \t]*\.[ \t]*([^\]\n\"']+?)[ \t]*\]")
_LIST_START = re.compile(r"[^\n=]*=[ \t]*\[")
# A text just begun, behind the entries that are there.
_HALF_ENTRY = re.compile(
    r"[^\n=]*=[ \t]*\[(?:[ \t]*(?:\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[^\s,\"'\[\]]+)[ \t]*,){0,99}[ \t]*\"\Z"
)


def usual_repairs(statement: str) -> Iterator[tuple[Edit, float]]:
    """Edits that may make a broken statement sound, each with its cost; not all of them do."""
    yield from _foreign(statement)
    yield from _known_names(statement)
    literal = _LITERAL_LIKE.search(statement) if PAIR_START.match(statement) else None
    if literal:
        letters = re.sub(r"[^A-Za-z]", "", literal[1])
        for word in ("true", "false"):
            if len(literal[1]) <= len(word) + 1 and distance(letters, word, 1) <= 1:
                yield Edit(literal.start(1), literal.end(1), word), 0.4
    value = _BARE_VALUE.search(statement) if PAIR_START.match(statement) else None
    if value:
        word = value[1]
        if word in _LITERALS:
            yield Edit(value.start(1), value.end(1), _LITERALS[word]), 0.2
        elif _LEADING_ZEROS.match(word):
            yield Edit(value.start(1), value.end(1), str(int(word))), 0.2
        elif re.search(r"[A-Za-z]", word) and "\\" not in word:
            yield Edit(value.start(1), value.end(1), f'"{word}"'), 0.9
    entries = _BARE_LIST.search(statement) if PAIR_START.match(statement) else None
    written = _ENTRY.findall(entries[1]) if entries else []
    quoted = [
        entry if entry[0] in "\"'" or re.match(r"[+-]?[0-9]", entry) else f'"{entry.strip()}"'
        for entry in written
    ]
    if entries and (quoted != written or entries[1].count(",") < len(written) - 1):
        yield Edit(entries.start(1), entries.end(1), f"[{', '.join(quoted)}]"), 1.3
    table = _TABLE.search(statement)
    if table:
        yield Edit(table.start(1), table.end(1), _inline(table[1])), 1.3
    if _TEXT_END in statement:
        yield Edit(len(statement), len(statement), _TEXT_END), 1.1


def _known_names(statement: str) -> Iterator[tuple[Edit, float]]:
    """A sign in the place of a letter, in a key or in the name of a table that everybody knows."""
    table = _TABLE_NAME.match(statement)
    places = [(table.start(1), table.end())] if table else []
    places += [(0, match.start()) for match in _BEFORE_VALUE.finditer(statement)][:3]
    for start, stop in places:
        is_table = start > 0
        word = statement[start:stop].rstrip()
        plain = _WITH_SIGNS.sub("", word)
        if plain == word or len(word) > _LONGEST_NAME:
            continue
        known = nearest_key(plain, is_table=is_table) or nearest_key(word, is_table=is_table)
        if known is not None and known != plain and distance(word, known, 2) <= 2:
            yield Edit(start, start + len(word), known), 0.7


def _inline(table: str) -> str:
    """An object as JSON writes it, as an inline table on one line."""
    parts: list[str] = []
    for piece in _TABLE_PIECE.findall(table):
        if piece[0] in "\"'":
            parts.append(piece)
        elif piece.strip() == ":":
            parts.append(" = ")
        elif piece.startswith(","):
            parts.append("," if piece == "," else " ")
        else:
            parts.append(" " if not piece.strip() else piece)
    return re.sub(r"(?<=\{) +| +(?=\})", " ", "".join(parts))


def _foreign(statement: str) -> Iterator[tuple[Edit, float]]:
    yaml = _YAML.match(statement)
    if yaml:
        value = yaml[2] if _SCALAR.match(yaml[2]) else f'"{yaml[2]}"'
        yield Edit(yaml.end(1), yaml.end(2), f" = {value}"), 0.6
    for slashes in _SLASHES.finditer(statement):
        yield Edit(slashes.start(), slashes.end(), "#"), 0.4 if slashes.start() else -2.4
    curly = _QUOTES.search(statement)
    if curly:
        yield Edit(curly.start(), curly.end(), _CURLY.sub('"', curly[0])), 0.3
    if "\\" in statement:
        first, last = statement.find("\\"), statement.rfind("\\") + 1
        yield Edit(first, last, statement[first:last].replace("\\", "\\\\")), 0.3
    role = _PLAIN_ROLE.match(statement)
    if role:
        yield Edit(role.start(1), role.end(1), f'"{role[1]}"'), 0.6
    if _HALF_ENTRY.match(statement):
        yield Edit(len(statement), len(statement), '"]'), -2.0
    if _LIST_START.match(statement):
        yield Edit(len(statement), len(statement), '"]'), 0.9
