"""The page about diagnostics is current, and its examples show what they say."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

import mplp_schemas
from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.toml import TomlTree
from mplp_lsp.text.tree import Tree
from mplp_runtime.rules import docs
from mplp_runtime.rules.catalogue import Document, Entry, Example, sections
from mplp_runtime.rules.check import check
from mplp_runtime.rules.event_facts import event_facts
from mplp_runtime.rules.findings import Finding
from mplp_runtime.rules.history import baseline_of
from mplp_runtime.rules.invariants import code_of, evaluate
from mplp_runtime.rules.timelines import timeline_findings
from mplp_runtime.rules.world import Baseline
from mplp_runtime.settings import Settings
from tests.runtime.rules.documents import SmallWorld, facts

ROOT = Path(__file__).resolve().parents[3]
ENTRIES = [entry for section in sections() for entry in section.entries]
INVARIANTS = {code_of(invariant.id): invariant for invariant in mplp_schemas.invariants()}


def of_section(*titles: str) -> list[Entry]:
    return [
        entry
        for section in sections()
        if section.title in titles
        for entry in section.entries
        if entry.failing is not None
    ]


RULES = of_section(
    "Habits",
    "Schema",
    "Steps and their dependencies",
    "Lists and times",
    "Statuses",
    "Statuses of confirms, traces and others",
    "Across documents",
    "Between documents",
    "Advice",
    "Events",
    "Timelines",
)
TEXTS = of_section("Text")


def findings(example: Example) -> list[Finding]:
    if example.document.kind == "lines":
        return timeline_findings(
            [event_facts(json.loads(line)) for line in example.document.text.splitlines()]
        )
    value = json.loads(example.document.text)
    kind = example.document.kind
    own = facts(kind, value, uri_of(example.document, 0))
    documents = [document for document in example.others if document.kind != "toml"]
    others = [
        facts(document.kind, json.loads(document.text), uri_of(document, number))
        for number, document in enumerate(documents, start=1)
    ]
    settings = [Settings.model_validate(tomllib.loads(d.text)) for d in example.others if d.kind == "toml"]
    world = SmallWorld(own, *others, settings=settings[0] if settings else None, baselines=baselines(example))
    return check(kind, value, own, world)


def uri_of(document: Document, number: int) -> str:
    return f"file:///project/{document.path or f'document-{number}.json'}"


def baselines(example: Example) -> dict[tuple[str, str], Baseline]:
    if example.saved is None:
        return {}
    saved = facts(example.saved.kind, json.loads(example.saved.text))
    return {(saved.kind, str(saved.id)): baseline_of(saved)}


def test_the_page_is_what_the_catalogue_says():
    assert (ROOT / docs.PAGE).read_text("utf-8") == docs.page(), "run: python -m mplp_runtime.rules.docs"


def test_every_code_is_there_once_and_is_an_anchor_of_the_page():
    codes = [entry.code for entry in ENTRIES]
    assert len(set(codes)) == len(codes)
    headings = re.findall(r"^### (\S+)$", docs.page(), re.MULTILINE)
    assert headings == codes
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code) for code in codes)


def test_every_code_that_is_written_anywhere_is_documented():
    first_words = (
        "property type value const id pattern format text list number comment key protocol step plan trace "
        "document status order json toml encoding findings run settings segment confirm decision entry "
        "context "
        "message span event dialog core module network time history profile stage graph file-rename sample "
        "integration text times"
    )
    code = rf'"((?:{"|".join(first_words.split())})(?:-[a-z]+)+)"'
    folders = [ROOT / "runtime/mplp_runtime/rules", ROOT / "mplp_lsp/text", ROOT / "mplp_lsp/analysis"]
    sources = [path.read_text("utf-8") for folder in folders for path in folder.glob("*.py")]
    written = {found for source in sources for found in re.findall(code, source)}
    assert len(written) > 60
    assert written - {entry.code for entry in ENTRIES} == set()


@pytest.mark.parametrize("entry", RULES, ids=lambda entry: entry.code)
def test_the_examples_of_a_rule_show_the_fault_and_its_absence(entry: Entry):
    assert entry.failing is not None
    assert entry.passing is not None
    told = [finding for finding in findings(entry.failing) if finding.code == entry.code]
    assert told
    assert {finding.severity.name.lower() for finding in told} <= set(re.findall(r"\w+", entry.severity))
    assert entry.code not in {finding.code for finding in findings(entry.passing)}


@pytest.mark.parametrize("code", list(INVARIANTS))
def test_the_examples_of_an_invariant_break_it_and_keep_it(code: str):
    invariant = INVARIANTS[code]
    entry = next(entry for entry in ENTRIES if entry.code == code)
    assert entry.failing is not None
    assert entry.passing is not None
    assert evaluate(invariant, objects(invariant.scope, entry.failing))
    assert evaluate(invariant, objects(invariant.scope, entry.passing)) == []


def objects(scope: str, example: Example) -> dict[str, Any]:
    if example.document.kind == "lines":
        return {"events": [json.loads(line) for line in example.document.text.splitlines()], "trace": {}}
    loaded: dict[str, Any] = {document.kind: json.loads(document.text) for document in example.others}
    return loaded | {scope: json.loads(example.document.text)}


@pytest.mark.parametrize("entry", TEXTS, ids=lambda entry: entry.code)
def test_the_examples_of_a_text_problem_show_the_fault_and_its_absence(entry: Entry):
    assert entry.failing is not None
    assert entry.passing is not None
    assert entry.code in problems(entry.failing.document)
    assert problems(entry.passing.document) == set()


def problems(document: Document) -> set[str]:
    parser = TomlTree if document.kind == "toml" else Tree
    return {problem.code for problem in parser.parse(TextSnapshot.of(document.text)).problems}


def test_codes_without_an_example_are_those_that_no_short_text_can_show():
    assert {entry.code for entry in ENTRIES if entry.failing is None or entry.passing is None} == {
        "encoding-invalid",
        "document-too-large",
        "findings-capped",
        "run-step-failed",
        "run-step-waiting",
        "run-step-interrupted",
        "run-drift",
    }
