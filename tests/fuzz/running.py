"""One broken document from its number: opened, asked about, edited, asked about again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from mplp_lsp.text.edits import difference
from tests.clients.profiles import Profile
from tests.fuzz.breaking import PIECES, TOKEN, Broken, broken
from tests.fuzz.editor import DIAGNOSTICS, ENCODINGS, Editor, Fault, Slowest, all_profiles
from tests.fuzz.shrinking import shrunk

SAME_AFRESH = (
    "textDocument/documentSymbol",
    "textDocument/foldingRange",
    "textDocument/documentLink",
    "textDocument/definition",
    "textDocument/references",
    "textDocument/documentHighlight",
    "textDocument/hover",
)
"""What is a function of the text alone (D24); fresh ids and times stand in the others."""

SURELY_ANSWERED = frozenset(
    {
        "textDocument/codeAction",
        "codeAction/resolve",
        "textDocument/codeLens",
        "textDocument/completion",
        "textDocument/definition",
        "textDocument/documentSymbol",
        "textDocument/hover",
        "textDocument/inlayHint",
        "textDocument/prepareCallHierarchy",
        "textDocument/prepareTypeHierarchy",
        "workspace/symbol",
        "workspace/textDocumentContent",
    }
)
"""What finds something in some of a hundred broken documents."""


@dataclass
class Tally:
    """What a run did and found."""

    documents: int = 0
    ours: int = 0
    slowest: tuple[Slowest, int] = field(default_factory=lambda: (Slowest(), -1))
    asked: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    faults: dict[tuple[str, str], str] = field(default_factory=dict)

    def report(self) -> str:
        """Each different fault once, with the smallest text that shows it."""
        return "\n\n".join(self.faults.values())


def run(numbers: Iterable[int], tell: Callable[[str], object] = lambda _: None) -> Tally:
    """The documents with these numbers; `tell` hears of each new fault when it is found."""
    tally = Tally()
    for number in numbers:
        document = broken(number)
        editor = looked_at(document)
        tally.documents += 1
        tally.ours += editor.document(document.name).kind is not None
        tally.asked.update(editor.asked)
        tally.answered.update(editor.answered)
        if editor.slowest.took_s > tally.slowest[0].took_s:
            tally.slowest = (editor.slowest, number)
        for fault in editor.faults:
            known = (fault.method, fault.what)
            if known not in tally.faults:
                tally.faults[known] = _told(document, fault, editor)
                tell(tally.faults[known])
    return tally


def looked_at(document: Broken) -> Editor:
    """An editor that has asked for everything about a broken document; its profile and places by chance."""
    chance = random.Random(f"look {document.number}")
    editor = Editor(chance.choice(all_profiles()), chance.choice(ENCODINGS), chance)
    for name, text in document.around.items():
        if name != document.name:
            editor.open(name, text)
    name = document.name
    comes_by_edits = chance.random() < 0.5
    if comes_by_edits:
        editor.open(name, document.before)
        if chance.random() < 0.5:
            editor.diagnose(name)
        # A text that came in two strokes was another broken one in between.
        if chance.random() < 0.3:
            at = chance.randint(0, len(document.before))
            editor.edit(
                name, at, min(len(document.before), at + chance.choice((0, 1, 9))), chance.choice(PIECES)
            )
            editor.diagnose(name)
        edit = difference(editor.document(name).text.text, document.text)
        editor.edit(name, *edit)
    else:
        editor.open(name, document.text)
    places = places_of(document.text, chance)
    editor.ask_everything(name, places)
    if comes_by_edits:
        _compare_with_a_fresh_session(editor, document, places[0])
    if chance.random() < 0.25:
        at = chance.randint(0, len(document.text))
        editor.edit(name, at, min(len(document.text), at + chance.choice((0, 1, 3))), chance.choice(PIECES))
        editor.ask_everything(name, places_of(editor.document(name).text.text, chance)[:1])
    return editor


def places_of(text: str, chance: random.Random) -> list[int]:
    """Where a cursor is: the end, a border of a token, anywhere."""
    tokens = [match.span() for match in TOKEN.finditer(text)]
    border = chance.choice(chance.choice(tokens)) if tokens else 0
    return [chance.choice((border, len(text), border)), chance.randint(0, len(text))]


def _compare_with_a_fresh_session(editor: Editor, document: Broken, offset: int) -> None:
    fresh = opened(editor.profile, editor, document)
    if fresh.diagnose(document.name) != editor.diagnose(document.name):
        editor.faults.append(
            Fault(DIAGNOSTICS, "differ from those of a fresh session", repr(document.before))
        )
    for method in SAME_AFRESH:
        if method not in editor.asked:
            continue
        params = editor.params(method, document.name, offset, [])
        if fresh.ask(method, params) != editor.ask(method, params):
            editor.faults.append(Fault(method, "differs from a fresh session", repr(document.before)))


def opened(profile: Profile, like: Editor, document: Broken, text: str | None = None) -> Editor:
    """A fresh session with the broken document in its project."""
    editor = Editor(profile, like.encoding, random.Random(document.number))
    for name, content in document.around.items():
        if name != document.name:
            editor.open(name, content)
    editor.open(document.name, document.text if text is None else text)
    return editor


def _told(document: Broken, fault: Fault, seen: Editor) -> str:
    def shows(text: str) -> bool:
        editor = opened(seen.profile, seen, document, text)
        borders = sorted({0, len(text), *(end for match in TOKEN.finditer(text) for end in match.span())})
        step = max(1, len(borders) // 40)
        editor.ask_everything(document.name, borders[::step])
        return any((one.method, one.what) == (fault.method, fault.what) for one in editor.faults)

    small = shrunk(document.text, shows)
    shown = (
        f"shrunk to {small!r}"
        if small is not None
        else f"only in its session; before {document.before!r}, now {document.text!r}"
    )
    seen_by = f"{document.name}, {seen.profile.word}, {seen.encoding}"
    return f"document {document.number} ({seen_by}): {shown}\n  {fault}"
