"""The corpus: one fault in a small project, and under each line what is said about it.

    # What this case shows; lines before the first header are for the reader.
    -- site.plan.json --
    {
      "status": "pendng"
                ^^^^^^^^ value-not-allowed error: `status` is `pendng`. …
                + shop.context.json 4: A place elsewhere that explains it.

A marker stands under the range it means (`!` under an empty one, a final `…` where it goes on below), counted
in code points. `-- before site.plan.json --` is that file as it was saved last. Each project has the files of
the folder `sound` besides, unless it has one of that name itself or says `-- alone --`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.workspace.index import Baselines
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.findings import Severity
from mplp_runtime.rules.history import baseline_of
from mplp_runtime.rules.world import Baseline
from tests.project import files_of, project, uri

FOLDER = Path(__file__).resolve().parent
ALONE = "alone"
BEFORE = "before "

_MARKER = re.compile(
    r"[ \t]*(?:\^+…?|!) [a-z0-9-]+ (?:error|warning|information|hint): .*|[ \t]*\+ \S+ \d+: .*"
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case file taken apart. `files` are plain texts; `written` is the whole as it stands on disk."""

    introduction: str
    files: tuple[tuple[str, str], ...]
    written: str

    def with_findings(self) -> str:
        """The case with the markers that today's rules give; equal to `written` where nothing changed."""
        parts = [self.introduction]
        found = dict(self._findings())
        for name, text in self.files:
            is_input = name == ALONE or name.startswith(BEFORE)
            parts.append(f"-- {name} --\n{text if is_input else _marked(text, found[name])}")
        return "".join(part if part.endswith("\n") else f"{part}\n" for part in parts if part)

    def codes(self) -> set[str]:
        """The codes that are expected."""
        return set(re.findall(r"^[ \t]*(?:\^+…?|!) ([a-z0-9-]+) \w+: ", self.written, re.MULTILINE))

    def _findings(self) -> Iterator[tuple[str, list[Located]]]:
        own = {name: text for name, text in self.files if name != ALONE and not name.startswith(BEFORE)}
        around = {} if any(name == ALONE for name, _ in self.files) else sound_files()
        saved = {name.removeprefix(BEFORE): text for name, text in self.files if name.startswith(BEFORE)}
        everything = {**around, **own}
        text = "".join(f"-- {name} --\n{content}\n" for name, content in everything.items())
        seen = project(text.removesuffix("\n"), baselines=_baselines(saved))
        for name in everything:
            document = seen.snapshot.document(uri(name))
            assert document is not None
            located = findings_of(seen.snapshot, document) if document.kind is not None else []
            # Hints are let pass: a role whose only step is the faulty one seems unused.
            loud = [one for one in located if one.finding.severity < Severity.HINT]
            assert name in own or loud == [], f"the sound file {name} is found fault with: {loud}"
            yield name, located


def case_files() -> list[Path]:
    """All cases, in a fixed order."""
    return sorted(FOLDER.glob("*/*.case"))


def read_case(path: Path) -> Case:
    """The case of one file; the text keeps its line ends, whatever they are."""
    written = path.read_bytes().decode("utf-8")
    plain = "\n".join(line for line in written.split("\n") if not _MARKER.fullmatch(line))
    introduction = plain[: plain.index("-- ")] if "-- " in plain else plain
    # The last line end of a case belongs to the case file, as those before headers do.
    files = tuple((name, text) for name, text in files_of(plain.removesuffix("\n")))
    return Case(introduction, files, written)


def sound_files() -> dict[str, str]:
    """The project around each case: a context and the settings, with nothing wrong in them."""
    return {path.name: path.read_text("utf-8") for path in sorted((FOLDER / "sound").iterdir())}


def _baselines(saved: dict[str, str]) -> Baselines:
    known: dict[tuple[str, str], Baseline] = {}
    for name, text in saved.items():
        value = json.loads(text)
        kind = name.removesuffix(".json").rpartition(".")[2]
        facts = document_facts(uri(name), kind, value, {})
        assert facts.id is not None
        known[kind, facts.id] = baseline_of(facts)
    return lambda kind, document_id: known.get((kind, document_id))


def _marked(text: str, found: list[Located]) -> str:
    below: dict[int, list[str]] = {}
    for one in found:
        line = text.count("\n", 0, one.start)
        column = one.start - (text.rfind("\n", 0, one.start) + 1)
        line_end = text.find("\n", one.start)
        end = min(one.end, line_end if line_end >= 0 else len(text))
        carets = "^" * max(end - one.start, 1) if one.end > one.start else "!"
        finding = one.finding
        blanks = " " * column
        marks = below.setdefault(line, [])
        more = "…" if one.end > end else ""
        marks.append(
            f"{blanks}{carets}{more} {finding.code} {finding.severity.name.lower()}: {finding.message}"
        )
        for spot in one.related:
            at = spot.document.text.position(spot.start, "utf-32")[0] + 1
            marks.append(f"{blanks}+ {spot.document.uri.rpartition('/')[2]} {at}: {spot.message}")
    lines = text.split("\n")
    return "\n".join("\n".join([line, *below.get(number, [])]) for number, line in enumerate(lines))
