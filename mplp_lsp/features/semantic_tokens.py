"""Semantic colours: keys, ids (declared or used), roles, words of the schema with the state they stand for.

The tokens of one element are kept with it, relative to its start, so that an edit reads one element again.
LSP 3.17, textDocument/semanticTokens.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from lsprotocol import types

from mplp_lsp.features import checkpoint
from mplp_lsp.features.ready_json import ReadyJson
from mplp_lsp.features.token_reader import Token, TokenReader
from mplp_lsp.text.ndjson import Line
from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.common_start import common_start

_NUMBERS_PER_TOKEN = 5
_AT_ONCE = 20_000
_LINEAGE = "semantic tokens"
_EVENT = "event"


class _Piece(NamedTuple):
    """Where a piece of text ends, and its tokens: the first as it is, all others relative to the one before.

    What is kept of an element is one array of these numbers: of ten thousand the objects would weigh more
    than the text.
    """

    lines: int
    tail: int
    last_line: int
    last_character: int


_END = len(_Piece._fields)
_FIRST = slice(_END, _END + _NUMBERS_PER_TOKEN)
_OTHERS = slice(_END + _NUMBERS_PER_TOKEN, None)


def semantic_tokens_full(
    snapshot: Snapshot, document: Document, _params: types.SemanticTokensParams
) -> ReadyJson | None:
    """All tokens of a document, and an id for asking for what changed; None for mplp.toml."""
    data = _data_of(snapshot, document)
    if data is None:
        return None
    return _answer_in_full(document, data)


def semantic_tokens_delta(
    snapshot: Snapshot, document: Document, params: types.SemanticTokensDeltaParams
) -> ReadyJson | None:
    """The one stretch of numbers that differs from the answer with `previousResultId`.

    Where that answer is no longer known everything is sent, as LSP allows.
    """
    data = _data_of(snapshot, document)
    if data is None:
        return None
    known = document.lineage.get(_LINEAGE)
    if not isinstance(known, tuple) or known[0] != params.previous_result_id:
        return _answer_in_full(document, data)
    before: array[int] = known[1]
    start = _common_start(before, data)
    end = _common_end(before, data, start)
    edits = ""
    if start < len(before) or start < len(data):
        inserted = _as_json(data[start : len(data) - end]).decode("ascii")
        edits = f'{{"start":{start},"deleteCount":{len(before) - end - start},"data":[{inserted}]}}'
    result_id = _kept(document, data)
    return ReadyJson(f'{{"resultId":"{result_id}","edits":[{edits}]}}'.encode("ascii"))


def semantic_tokens_range(
    snapshot: Snapshot, document: Document, params: types.SemanticTokensRangeParams
) -> types.SemanticTokens | None:
    """The tokens of the elements that touch a range; what stands outside the lists is always among them."""
    if document.tree is None and document.timeline is None:
        return None
    text, encoding = document.text, snapshot.encoding
    start = text.offset(params.range.start.line, params.range.start.character, encoding)
    end = text.offset(params.range.end.line, params.range.end.character, encoding)
    composer = _Composer()
    for at, piece in _pieces(document, encoding, start, end):
        composer.jump(*text.position(at, encoding))
        composer.add(piece)
    return types.SemanticTokens(data=composer.data.tolist())


def _data_of(snapshot: Snapshot, document: Document) -> array[int] | None:
    if document.tree is None and document.timeline is None:
        return None
    composer = _Composer()
    for _, piece in _pieces(document, snapshot.encoding, 0, document.text.length):
        composer.add(piece)
    return composer.data


def _answer_in_full(document: Document, data: array[int]) -> ReadyJson:
    head = f'{{"resultId":"{_kept(document, data)}","data":['
    return ReadyJson(b"%b%b]}" % (head.encode("ascii"), _as_json(data)))


def _as_json(data: array[int]) -> bytes:
    """The numbers with commas between. A part at a time: each number is an object until it is joined."""
    parts = (data[start : start + _AT_ONCE] for start in range(0, len(data), _AT_ONCE))
    return b",".join([",".join(map(str, part)).encode("ascii") for part in parts])


def _kept(document: Document, data: array[int]) -> str:
    """An id that follows from the tokens alone; the last ones are kept, as a cache."""
    result_id = hashlib.sha256(data.tobytes()).hexdigest()[:16]
    document.lineage[_LINEAGE] = (result_id, data)
    return result_id


class _Composer:
    """Puts pieces one behind the other; the numbers are relative, so only each first token is changed."""

    def __init__(self) -> None:
        self.data: array[int] = array("I")
        self._line = self._column = 0
        self._last_line = self._last_character = 0

    def jump(self, line: int, column: int) -> None:
        """The next piece stands there."""
        self._line, self._column = line, column

    def add(self, piece: array[int]) -> None:
        end = _Piece(*piece[:_END])
        if len(piece) > _END:
            first = Token(*piece[_FIRST])
            line = self._line + first.line
            character = first.character + (0 if first.line else self._column)
            down = line - self._last_line
            right = character if down else character - self._last_character
            self.data.extend((down, right, first.length, first.type, first.modifiers))
            self.data.extend(piece[_OTHERS])
            self._last_line = self._line + end.last_line
            self._last_character = end.last_character + (0 if end.last_line else self._column)
        self._column = end.tail + (0 if end.lines else self._column)
        self._line += end.lines


def _pieces(document: Document, encoding: Encoding, start: int, end: int) -> Iterator[tuple[int, array[int]]]:
    """Where each piece stands; of elements and lines only those that touch the offsets."""
    if document.timeline is not None:
        yield from _of_lines(document, encoding, start, end)
        return
    tree, kind = document.tree, document.kind
    if tree is None or kind is None:
        return
    header = TokenReader(kind, encoding)
    at = 0
    for table in sorted(tree.tables.values(), key=lambda table: table.start):
        if table.start < at:
            continue
        yield at, _piece(header, tree.text.slice(at, table.start))
        key = f"tokens {kind} {table.key} {encoding}"
        place = table.start
        for block in table.blocks:
            checkpoint()
            if place > end or place + block.length < start:
                place += block.length
                continue
            for element in block.elements:
                if place <= end and start <= place + element.length:
                    known = element.cache.get(key)
                    if not isinstance(known, array):
                        reader = TokenReader(kind, encoding, (table.key, "*"))
                        known = _piece(reader, tree.text.slice(place, place + element.length))
                        element.cache[key] = known
                    yield place, known
                place += element.length
        at = table.end
    yield at, _piece(header, tree.text.slice(at, tree.text.length))


def _of_lines(
    document: Document, encoding: Encoding, start: int, end: int
) -> Iterator[tuple[int, array[int]]]:
    place = 0
    lines: Iterable[Line] = () if document.timeline is None else document.timeline.lines
    key = f"tokens {encoding}"
    for line in lines:
        if place <= end and start <= place + line.length:
            checkpoint()
            known = line.cache.get(key)
            if not isinstance(known, array):
                known = line.cache[key] = _piece(TokenReader(_EVENT, encoding), line.text)
            yield place, known
        place += line.length


def _piece(reader: TokenReader, text: str) -> array[int]:
    tokens, lines, tail = reader.read(text)
    if not tokens:
        return array("I", _Piece(lines, tail, 0, 0))
    before = tokens[0]
    numbers = [*_Piece(lines, tail, tokens[-1].line, tokens[-1].character), *before]
    for token in tokens[1:]:
        down = token.line - before.line
        right = token.character if down else token.character - before.character
        numbers += (down, right, token.length, token.type, token.modifiers)
        before = token
    return array("I", numbers)


def _common_start(left: array[int], right: array[int]) -> int:
    """How many numbers at the start are the same, in whole tokens."""
    limit = min(len(left), len(right))
    found = common_start(left, right, limit)
    return found - found % _NUMBERS_PER_TOKEN


def _common_end(left: array[int], right: array[int], start: int) -> int:
    limit = min(len(left), len(right)) - start
    found = common_start(left[::-1], right[::-1], limit)
    return found - found % _NUMBERS_PER_TOKEN
