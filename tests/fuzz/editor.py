"""An editor within the process: asks for everything about one document, and keeps what was not right."""

from __future__ import annotations

import json
import random
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from mplp_lsp.features.diagnostics import diagnostics
from mplp_lsp.features.ready_json import ReadyItems, ReadyJson
from mplp_lsp.features.virtual_documents import graph_uri
from mplp_lsp.server.answering import _asked
from mplp_lsp.server.capabilities import client_of, client_view
from mplp_lsp.server.encoded import encode
from mplp_lsp.server.messages import RequestError
from mplp_lsp.server.params import structured
from mplp_lsp.server.routes import BY_METHOD
from mplp_lsp.server.workbench import Workbench
from mplp_lsp.text.edits import apply
from mplp_lsp.text.snapshot import Encoding, TextSnapshot
from mplp_lsp.workspace.documents import Document
from mplp_lsp.workspace.kinds import FileRules
from mplp_runtime.errors import MplpError
from mplp_runtime.trust import Trust
from tests.clients.profiles import Profile, profiles
from tests.clients.promises import CAPABILITY, broken_promises, diagnostic_promises
from tests.fuzz.answers import Places
from tests.project import ROOT, uri

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
LONGEST_S = 2.0
"""Of processor time, which doubles where others share the core: half a second alone is no fault."""
MOST_ONWARD = 3
MOST_LINES = 12
NEW_NAMES = (
    "auditor",
    "11111111-1111-4111-8111-11111111111f",
    "",
    'a"b\\',
    "\ud800",
    "x" * 300,
    " ",
    "human",
    "🚀",
)
DIAGNOSTICS = "textDocument/diagnostic"
FORMATTING = "textDocument/formatting"
ONWARD = {
    "textDocument/completion": ("completionItem/resolve",),
    "textDocument/codeAction": ("codeAction/resolve",),
    "textDocument/inlayHint": ("inlayHint/resolve",),
    "textDocument/documentLink": ("documentLink/resolve",),
    "textDocument/codeLens": ("codeLens/resolve",),
    "textDocument/prepareCallHierarchy": ("callHierarchy/incomingCalls", "callHierarchy/outgoingCalls"),
    "textDocument/prepareTypeHierarchy": ("typeHierarchy/supertypes", "typeHierarchy/subtypes"),
    "workspace/symbol": ("workspaceSymbol/resolve",),
}
AT_A_PLACE = frozenset(
    {
        "textDocument/codeAction",
        "textDocument/rangeFormatting",
        "textDocument/rangesFormatting",
        "textDocument/selectionRange",
        "textDocument/semanticTokens/range",
    }
)
"""Besides the routes that take a position: those whose answer follows from a range that is asked about."""

RULES = FileRules.of({"event.valid.json": "event", "*-sample.json": "sample", "git-push.json": "git"}, ())


@dataclass(frozen=True, slots=True)
class Fault:
    """What was not right with an answer. Two with the same `method` and `what` are one bug."""

    method: str
    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.method}: {self.what}\n    {self.detail}"


@cache
def all_profiles() -> tuple[Profile, ...]:
    return tuple(profiles())


@dataclass(slots=True)
class Slowest:
    """The request that took longest, in seconds."""

    took_s: float = 0.0
    method: str = ""


class Editor:
    """One session; `faults` is empty as long as all is well."""

    def __init__(self, profile: Profile, encoding: Encoding, chance: random.Random) -> None:
        params = {"capabilities": dict(profile.capabilities), "clientInfo": {"name": profile.client}}
        self.profile = profile
        self.chance = chance
        self.encoding = encoding
        self.bench = Workbench(
            replace(client_of(params), encoding=encoding),
            client_view(params),
            [ROOT],
            Trust(Path("/nowhere/trusted.json")),
            clock=lambda: datetime(2026, 3, 14, tzinfo=UTC),
        )
        self.bench.workspace.set_rules(RULES)
        self.faults: list[Fault] = []
        self.slowest = Slowest()
        self.asked: dict[str, int] = {}
        self.answered: dict[str, int] = {}
        self._places = Places(self._text_of, encoding)
        self._version = 1
        self._names: dict[str, str] = {}

    # Documents

    def open(self, name: str, text: str) -> None:
        """A file of the project at `tests.project.ROOT`."""
        self._names[uri(name)] = name
        language = "toml" if name.endswith(".toml") else "json"
        self._guarded("textDocument/didOpen", lambda: self.bench.workspace.open(uri(name), language, 1, text))

    def change(self, name: str, text: str) -> None:
        """The whole text anew, as a full change."""
        self._version += 1
        self._guarded(
            "textDocument/didChange",
            lambda: self.bench.workspace.change(uri(name), self._version, [(None, text)]),
        )

    def edit(self, name: str, start: int, end: int, new_text: str) -> None:
        """An incremental change; offsets of the text as it stands."""
        document = self.document(name)
        text = document.text
        where = (text.position(start, self.encoding), text.position(end, self.encoding))
        self._version += 1
        self._guarded(
            "textDocument/didChange",
            lambda: self.bench.workspace.change(uri(name), self._version, [(where, new_text)]),
        )

    def document(self, name: str) -> Document:
        document = self.bench.document(uri(name))
        assert document is not None
        return document

    # Requests

    def ask_everything(self, name: str, offsets: list[int]) -> None:
        """Every route of the table about one document, at some places of it, and onward from the answers."""
        found = self.diagnose(name)
        for method, route in list(BY_METHOD.items()):
            if method == "textDocument/rename" or route.takes == "item":
                continue
            if route.takes == "position" or method in AT_A_PLACE:
                for offset in offsets:
                    self._ask_about(method, name, offset, found)
            else:
                self._ask_about(method, name, offsets[0], found)
        self._rename(name, offsets)

    def diagnose(self, name: str) -> list[dict[str, Any]]:
        """The diagnostics of a document, as JSON."""
        snapshot = self.bench.snapshot(uri(name))
        found = self._timed(DIAGNOSTICS, lambda: diagnostics(snapshot, uri(name))) or []
        self._note(DIAGNOSTICS, self._places.faults(found, uri(name)))
        self._note(DIAGNOSTICS, diagnostic_promises(self.profile, found))
        return found if isinstance(found, list) else []

    def ask(self, method: str, params: Any) -> Any:
        """The result as JSON; None where the feature refuses, too."""

        def answer() -> Any:
            asked = _asked(self.bench, BY_METHOD[method], structured(method, params))
            return None if asked is None else asked.answer(asked.snapshot)

        self.asked[method] = self.asked.get(method, 0) + 1
        result = self._timed(method, answer)
        if result:
            self.answered[method] = self.answered.get(method, 0) + 1
        if self.profile.has(CAPABILITY[method]) and (result is not None or not method.endswith("/resolve")):
            self._note(method, iter(broken_promises(self.profile, method, result)))
        return result

    def _ask_about(self, method: str, name: str, offset: int, found: list[dict[str, Any]]) -> None:
        params = self.params(method, name, offset, found)
        result = self.ask(method, params)
        self._note(method, self._judged(method, params, result, uri(name)))
        items = result["items"] if isinstance(result, dict) and "items" in result else result
        if method in ONWARD and isinstance(items, list):
            some = items if len(items) <= MOST_ONWARD else self.chance.sample(items, MOST_ONWARD)
            resolved = [action for item in some for action in self._onward(method, item, name)]
            for action in resolved:
                self._try_action(action, name)

    def params(self, method: str, name: str, offset: int, found: list[dict[str, Any]]) -> dict[str, Any]:
        """All that any method may want; the rest is ignored."""
        text = self.document(name).text
        position = self._position(text, offset)
        end = self._position(text, min(text.length, offset + self.chance.choice((0, 0, 1, 40, 10**6))))
        if method == "workspace/textDocumentContent":
            return {"uri": graph_uri(uri(name), self.chance.choice(("mermaid", "dot")))}
        if method == "workspace/willRenameFiles":
            return {"files": [{"oldUri": uri(name), "newUri": uri(f"moved/{name}")}]}
        at_some_diagnostic = [one for one in found if one["range"]["start"]["line"] <= position["line"]]
        return {
            "query": self.chance.choice(("", "a", "Test", "🚀", "11111111", '"')),
            "textDocument": {"uri": uri(name)},
            "position": position,
            "positions": [position, end, {"line": 0, "character": 0}],
            "range": {"start": position, "end": end},
            "ranges": [{"start": position, "end": end}],
            "previousResultId": "0",
            "context": {
                "diagnostics": at_some_diagnostic[-2:],
                "includeDeclaration": self.chance.random() < 0.5,
                "triggerKind": 1,
                **({"only": ["source.fixAll.mplp"]} if self.chance.random() < 0.2 else {}),
            },
            "newName": self.chance.choice(NEW_NAMES),
            "ch": self.chance.choice(("}", "\n", "]", '"', ",")),
            "options": {
                "tabSize": self.chance.choice((0, 2, 4, 8)),
                "insertSpaces": self.chance.random() < 0.8,
            },
        }

    # What follows from answers

    def _judged(self, method: str, params: dict[str, Any], result: Any, about: str) -> Iterator[str]:
        if method == "textDocument/foldingRange":
            yield from self._places.folds(result, about)
        elif method.startswith("textDocument/semanticTokens"):
            if isinstance(result, Mapping) and "data" in result:
                yield from self._places.tokens(result, about)
        elif method == "textDocument/selectionRange":
            if result is not None and len(result) != len(params["positions"]):
                yield f"{len(result)} selections for {len(params['positions'])} places"
            yield from self._places.selections(result, about)
        else:
            yield from self._places.faults(result, about)
        if method == "textDocument/completion":
            yield from self._completions(result, params["position"], about)
        if "ormatting" in method and result:
            yield from self._formatted(method, result, params, about)

    def _completions(self, result: Any, position: dict[str, int], about: str) -> Iterator[str]:
        items = result["items"] if isinstance(result, dict) else result or []
        document = self.bench.document(about)
        assert document is not None
        for item in items:
            edit = item.get("textEdit")
            where = None if edit is None else edit.get("range", edit.get("replace"))
            if where is None:
                continue
            start, end = where["start"], where["end"]
            if not start["line"] == end["line"] == position["line"]:
                yield f"a completion that changes another line than that of the cursor: {item['label']}"
            elif not start["character"] <= position["character"] <= end["character"]:
                yield f"a completion beside the cursor: {item['label']}"
            if "range" in (edit or {}):
                yield from self._places.overlaps([edit, *(item.get("additionalTextEdits") or ())])
        if items and document.text.length < 20_000:
            item = self.chance.choice(items)
            edit = item.get("textEdit")
            if edit is not None and "range" in edit:
                self._look_at_edited(document, [edit, *(item.get("additionalTextEdits") or ())])

    def _formatted(self, method: str, edits: Any, params: dict[str, Any], about: str) -> Iterator[str]:
        """Formatting moves blanks only, and a second time there is nothing left to do."""
        document = self.bench.document(about)
        assert document is not None
        before = document.text.text
        after = self._edited(document.text, edits)
        if "".join(before.split()) != "".join(after.split()):
            yield f"formatting changes more than blanks: {after!r}"
        if _value_of(document) != _value_of(document, after):
            yield f"formatting changes the value: {after!r}"
        if before == after:
            yield "formatting answers edits that change nothing"
        if method == FORMATTING:
            self._look_at_edited(document, edits, put_back=False)
            again = self.ask(method, params)
            self._put_back(document)
            if again:
                yield f"formatting is not finished the first time: {again} on {after!r}"

    def _onward(self, method: str, item: Any, name: str) -> Iterator[Any]:
        """Asks on from one item; what comes back are code actions with all that they will ever have."""
        for onward in ONWARD[method]:
            if onward not in BY_METHOD or isinstance(item.get("command"), str):
                continue
            is_resolve = onward.endswith("/resolve")
            result = self.ask(onward, item if is_resolve else {"item": item})
            if is_resolve and result is None:
                self._note(onward, iter(["a resolve that answers null"]))
            elif onward.endswith("Calls"):
                self._note(onward, self._places.calls(result, item["uri"], incoming="incoming" in onward))
            elif onward == "codeAction/resolve":
                yield result
            self._note(onward, self._places.faults(result, uri(name)))

    def _try_action(self, action: Any, name: str) -> None:
        edit = action.get("edit")
        if edit is None:
            if not action.get("command") and not action.get("disabled"):
                self._note("codeAction/resolve", iter([f"an action without an effect: {action['title']}"]))
            return
        changes = dict(_changes(edit))
        document = self.document(name)
        own = changes.get(document.uri)
        self._note("codeAction/resolve", self._places.faults(edit, uri(name)))
        if own:
            if self._edited(document.text, own) == document.text.text:
                self._note("codeAction/resolve", iter([f"an action that changes nothing: {action['title']}"]))
            self._look_at_edited(document, own, keeps_sound=f"codeAction/resolve: {action['title']}")

    def _rename(self, name: str, offsets: list[int]) -> None:
        for offset in offsets:
            params = self.params("textDocument/rename", name, offset, [])
            result = self.ask("textDocument/rename", params)
            self._note("textDocument/rename", self._places.faults(result, uri(name)))
            own = dict(_changes(result or {})).get(uri(name))
            if own:
                self._look_at_edited(self.document(name), own, keeps_sound="textDocument/rename")

    def _look_at_edited(
        self, document: Document, edits: Any, keeps_sound: str = "", *, put_back: bool = True
    ) -> None:
        """What an answer would make of the document is a document that can be looked at."""
        text = self._edited(document.text, edits)
        was_broken = document.is_broken
        name = self._names[document.uri]
        self.change(name, text)
        if keeps_sound and not was_broken and self.document(name).is_broken:
            self._note(keeps_sound, iter([f"a sound document is broken afterwards: {text!r}"]))
        self.diagnose(name)
        if put_back:
            self._put_back(document)

    def _put_back(self, document: Document) -> None:
        self.change(self._names[document.uri], document.text.text)

    # Small parts

    def _edited(self, text: TextSnapshot, edits: Any) -> str:
        """The text after edits that were all made for the text before."""
        for edit in sorted(edits, key=lambda each: _start(each["range"]), reverse=True):
            start, end = edit["range"]["start"], edit["range"]["end"]
            where = ((start["line"], start["character"]), (end["line"], end["character"]))
            text, _ = apply(text, [(where, edit.get("newText", ""))], self.encoding)
        return text.text

    def _position(self, text: TextSnapshot, offset: int) -> dict[str, int]:
        line, character = text.position(offset, self.encoding)
        return {"line": line, "character": character}

    def _text_of(self, about: str) -> TextSnapshot | None:
        document = self.bench.document(about)
        return None if document is None else document.text

    def _note(self, method: str, found: Iterator[str]) -> None:
        try:
            for detail in found:
                what = detail.partition(":")[0]
                self.faults.append(Fault(method, what, detail))
        except Exception as error:
            # An answer so odd that it cannot be judged is a fault of the answer.
            self.faults.append(Fault(method, f"cannot be judged, {error!r}", _last_calls()))

    def _guarded(self, method: str, work: Callable[[], object]) -> object:
        try:
            return work()
        except MplpError:
            return None
        except RequestError:
            return None
        except Exception as error:
            self.faults.append(Fault(method, _where(error), _last_calls()))
            return None

    def _timed(self, method: str, work: Callable[[], object]) -> Any:
        # A busy machine makes anything slow, so what this thread has worked counts.
        started = time.thread_time()
        result = self._guarded(method, lambda: _as_json(work()))
        took_s = time.thread_time() - started
        if took_s > self.slowest.took_s:
            self.slowest = Slowest(took_s, method)
        if took_s > LONGEST_S:
            self.faults.append(Fault(method, "is slow", f"{took_s:.2f} s"))
        return result


def _as_json(value: object) -> Any:
    """The way out of the server and into the client."""
    if value is None:
        return None
    return json.loads(value.json if isinstance(value, ReadyJson | ReadyItems) else encode(value))


def _last_calls() -> str:
    return "\n".join(traceback.format_exc().splitlines()[-MOST_LINES:])


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "mplp" in frame.filename and "/tests/" not in frame.filename]
    frame = (ours or frames)[-1]
    return f"{type(error).__name__} in {Path(frame.filename).name}, {frame.name}"


def _changes(edit: Any) -> Iterator[tuple[str, Any]]:
    yield from (edit.get("changes") or {}).items()
    for change in edit.get("documentChanges") or ():
        if "edits" in change:
            yield change["textDocument"]["uri"], change["edits"]


def _value_of(document: Document, text: str | None = None) -> object:
    if document.tree is None:
        return None
    from mplp_lsp.text.tree import Tree

    tree = document.tree if text is None else Tree.parse(TextSnapshot.of(text))
    return repr(tree.value)


def _start(where: Any) -> tuple[int, int]:
    return where["start"]["line"], where["start"]["character"]
