"""Cards of a hover: lines made of our own words and of the user's, as Markdown or as plain text.

What a user wrote (descriptions, titles, outputs) may come from anybody. It is shown as text and nothing else:
no link, no HTML, no code fence, no invisible sign of it takes effect, and it never breaks a line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

LONGEST_CARD = 15
LONGEST_SAID = 160
LONGEST_MESSAGE = 600
LONGEST_LIST = 5

Style = Literal["words", "text", "said", "strong", "code", "link", "place"]

_SPACES = re.compile(r"\s+")
# Signs that start something in Markdown wherever they stand.
_ACTIVE = re.compile(r"[\\`*\[\]<>~|@]|(?<![^\W_])_|_(?![^\W_])|&(?=[#\w])|:(?=//)|(?i:(?<=www))\.|^[-+#=]")
_FENCE = re.compile(r"`+")
_TICKED = re.compile(r"`([^`]*)`")
_UNSAFE_IN_TARGET = re.compile(r"[\\<>()\s]")
_VISIBLE_JOINER = "\u200d"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a line. `words` are ours (back quotes mark code in them), all other text is foreign."""

    style: Style
    text: str
    target: str = ""


Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A short first line, then sentences, then facts; what is too much for a card is counted."""

    title: Line
    sentences: Sequence[Line] = ()
    facts: Sequence[Line] = ()


def words(text: str) -> Piece:
    """Our own text; `like this` in it is code."""
    return Piece("words", text)


def said(text: str, limit: int = LONGEST_SAID) -> Piece:
    """Somebody's text, in typographic quotes."""
    return Piece("said", cut(text, limit))


def strong(text: str, limit: int = LONGEST_SAID) -> Piece:
    """Somebody's text as a headline."""
    return Piece("strong", cut(text, limit))


def spoken(message: str) -> Line:
    """A message of the rules: our words around the user's values, which stand between back quotes.

    A value may hold back quotes of its own, so nothing of it counts as ours.
    """
    parts = cut(message, LONGEST_MESSAGE).split("`")
    if len(parts) % 2 == 0:
        return (Piece("text", "`".join(parts)),)
    return tuple(Piece("code" if number % 2 else "text", part) for number, part in enumerate(parts) if part)


def code(text: str, limit: int = LONGEST_SAID) -> Piece:
    """A value as it stands in a document."""
    return Piece("code", cut(text, limit))


def link(label: str, target: str) -> Piece:
    """A link with words of ours; plain text shows where it leads."""
    return Piece("link", label, target)


def place(label: str, target: str) -> Piece:
    """A file by its path, which leads there; plain text shows the path only."""
    return Piece("place", cut(label), target)


def line(*parts: Piece | str) -> Line:
    """A line of pieces; bare strings are our own words."""
    return tuple(words(part) if isinstance(part, str) else part for part in parts)


def listing(items: Iterable[Line], count: int, limit: int = LONGEST_LIST) -> Line:
    """`a, b and 3 more`: the first of `count` items; only as many are taken from `items` as are shown."""
    shown = [item for item, _ in zip(items, range(limit), strict=False)]
    pieces: list[Piece] = []
    for number, item in enumerate(shown):
        if number:
            is_last = number == len(shown) - 1 == count - 1
            pieces.append(words(" and " if is_last else ", "))
        pieces.extend(item)
    if count > len(shown):
        pieces.append(words(f" and {count - len(shown):,} more"))
    return tuple(pieces)


def cut(text: str, limit: int = LONGEST_SAID) -> str:
    """One line of visible text, shortened; halves of surrogate pairs and control signs are replaced.

    >>> cut("two\\n lines", 40)
    'two lines'
    """
    # Far more than is shown is never looked at: an output may have a megabyte.
    flat = _SPACES.sub(" ", text[: limit * 4]).strip()
    if not flat.isprintable():
        flat = "".join(map(_visible, flat))
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def _visible(sign: str) -> str:
    if sign.isprintable() or sign == _VISIBLE_JOINER:
        return sign
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) == "Cs" else ""


def markdown(cards: Iterable[Card]) -> str:
    """All cards, with a rule between them."""
    return "\n\n---\n\n".join(_card(card, is_markdown=True) for card in cards)


def plain(cards: Iterable[Card]) -> str:
    """All cards, with an empty line between them."""
    return "\n\n".join(_card(card, is_markdown=False) for card in cards)


def _card(card: Card, *, is_markdown: bool) -> str:
    write = _markdown_piece if is_markdown else _plain_piece
    rows = [(False, each) for each in card.sentences] + [(True, each) for each in card.facts]
    room = LONGEST_CARD - 1
    if len(rows) > room:
        hidden = len(rows) - room + 1
        rows = [*rows[: room - 1], (True, line(f"and {hidden} more"))]
    parts = ["".join(map(write, card.title))]
    parts.extend(_rows(rows, write, paragraph="\n" if is_markdown else ""))
    return "\n".join(parts)


def _rows(
    rows: Sequence[tuple[bool, Line]], write: Callable[[Piece], str], *, paragraph: str
) -> Iterator[str]:
    """In Markdown a paragraph and a list each begin after an empty line."""
    was_item = False
    for is_item, each in rows:
        gap = "" if is_item and was_item else paragraph
        yield gap + ("- " if is_item else "") + "".join(map(write, each))
        was_item = is_item


def _markdown_piece(piece: Piece) -> str:
    if piece.style == "words":
        return piece.text
    if piece.style == "code":
        return code_span(piece.text)
    escaped = escape(piece.text)
    if piece.style in {"link", "place"}:
        return f"[{escaped}]({_UNSAFE_IN_TARGET.sub(_percent, piece.target)})"
    if piece.style == "strong":
        return f"**{escaped}**" if escaped else ""
    return f"“{escaped}”" if piece.style == "said" else escaped


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode("utf-8", "replace"))


def _plain_piece(piece: Piece) -> str:
    if piece.style == "link":
        return f"{piece.text}: {piece.target}"
    if piece.style == "words":
        return _TICKED.sub(r"\1", piece.text)
    return f"“{piece.text}”" if piece.style == "said" else piece.text


def escape(text: str) -> str:
    """Text that Markdown shows as it stands.

    >>> escape("a snake_case [name](x) <b>")
    'a snake_case \\\\[name\\\\](x) \\\\<b\\\\>'
    """
    return _ACTIVE.sub(lambda match: "\\" + match[0], text)


def code_span(text: str) -> str:
    """Text between back quotes, as many as it takes."""
    if not text:
        return "`\u2009`"
    longest = max((len(run) for run in _FENCE.findall(text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{pad}{text}{pad}{fence}"
