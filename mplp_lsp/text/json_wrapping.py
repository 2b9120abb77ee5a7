"""What assistants and web pages leave around a document: a Markdown fence, a sentence before or after it."""

from __future__ import annotations

import re

from mplp_lsp.text.json_gaps import repair_data
from mplp_lsp.text.json_lexer import Lexer
from mplp_runtime.rules.findings import Severity

# Up to a brace on the same line, or up to the line that starts with one: no line before it looks like JSON.
_ON_THE_LINE = re.compile(r'[^{}\[\]"\r\n]{1,400}(?=\{[ \t\r\n]*["}])')
_LINES_BEFORE = re.compile(
    r'[^\r\n]{1,1000}(?:[\r\n]+(?![ \t]*[{}\[\]",:])[^\r\n]{0,1000}){0,40}?[\r\n]+[ \t]*(?=\{[ \t\r\n]*["}])'
)
_LOOKED_AT = 45_000
_BEFORE = "The document starts behind this: a file holds the JSON alone."
_AFTER = "The document ends before this."


def past_wrapping(lexer: Lexer, at: int) -> int:
    """Where the document starts that something else stands before; `at` where nothing does."""
    char = lexer.char(at)
    if not char or char in '{["':
        return at
    match = _ON_THE_LINE.match(lexer.text, at) or _LINES_BEFORE.match(lexer.text, at)
    lexer.note(at + _LOOKED_AT)
    if match is None:
        return at
    stop = match.end()
    if lexer.is_key(at) and not match.group().endswith(("\n", "\r")):
        # `meta: {` is a key without its quotes, and `plan:` on a line of its own a sentence.
        return at
    shown = at + len(match.group().split("\n")[0].rstrip())
    lexer.add("json-syntax", _BEFORE, at, shown, Severity.ERROR, **repair_data(at, stop, ""))
    return stop


def check_rest(lexer: Lexer, at: int) -> None:
    """Report what stands behind the document, as a part of what stands before it where something does."""
    end = at
    at = lexer.skip(at)
    while lexer.char(at) and lexer.char(at) in "}]":
        stop = lexer.run_end(at)
        lexer.add("json-bracket-extra", f"This `{lexer.char(at)}` closes nothing.", at, stop)
        at = end = lexer.skip(stop)
    if not lexer.char(at):
        return
    is_text = "{" not in lexer.text[at:] and "[" not in lexer.text[at:]
    first = next(iter(lexer.problems), None)
    if is_text and first is not None and first.message == _BEFORE:
        lexer.problems[0] = first._replace(data={**first.data, "rest_start": end, "rest_end": lexer.length})
        return
    data = repair_data(end, lexer.length, "\n" if "\n" in lexer.text[end:at] else "") if is_text else {}
    lexer.add("json-content-after-end", _AFTER, at, lexer.line_end(at), Severity.ERROR, **data)
