"""Writes `docs/diagnostics.md` from the catalogue: `python -m mplp_runtime.rules.docs` in a checkout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mplp_runtime.rules.catalogue import Document, Entry, Example, Section, sections

PAGE = Path("docs/diagnostics.md")

_INTRODUCTION = """# Diagnostics

Every finding has a stable code; the headings below are those codes, so that an editor can link to them.
Where several rules see the same fault at the same place, only the first of text, habits, schema, \
invariants, graph and statuses speaks.
Examples show only the lines that matter; other findings about what they leave out are not meant.

This page is generated: `python -m mplp_runtime.rules.docs`.
"""
_LANGUAGES = {"toml": "toml", "text": "json", "lines": "json"}
LONGEST_EXAMPLE = 400


def page() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *_contents(), *(line for each in sections() for line in _section(each))])


def _contents() -> Iterator[str]:
    for section in sections():
        links = ", ".join(f"[{entry.code}](#{entry.code})" for entry in section.entries)
        yield f"- **{section.title}**: {links}"
    yield ""


def _section(section: Section) -> Iterator[str]:
    yield f"## {section.title}\n"
    yield f"{section.introduction}\n"
    for entry in section.entries:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    yield f"### {entry.code}\n"
    yield f"Severity: {entry.severity}.\n"
    yield f"{entry.meaning}\n"
    yield f"**How to fix:** {entry.fix}\n"
    if entry.failing is not None:
        yield from _example("Told", entry.failing)
    if entry.passing is not None:
        yield from _example("Not told", entry.passing)


def _example(title: str, example: Example) -> Iterator[str]:
    yield f"{title}:\n"
    yield from _block(example.document, "")
    if example.saved is not None:
        yield from _block(example.saved, "at the last save")
    for other in example.others:
        yield from _block(other, "beside it")


def _block(document: Document, remark: str) -> Iterator[str]:
    if document.path is not None:
        yield f"`{document.path}`:\n"
    elif remark:
        name = "`mplp.toml`" if document.kind == "toml" else f"A {document.kind}"
        yield f"{name} {remark}:\n"
    text = document.text.replace("\ufeff", "<U+FEFF>").rstrip("\n")
    if len(text) > LONGEST_EXAMPLE:
        text = f"{text[:40]} … {text[-40:]}"
    yield f"```{_LANGUAGES.get(document.kind, 'json')}"
    yield text
    yield "```\n"


def write(root: Path) -> Path:
    """Rewrites the page below `root`, the checkout; returns its path."""
    target = root / PAGE
    target.write_text(page(), "utf-8")
    return target


if __name__ == "__main__":
    write(Path(__file__).resolve().parents[3])
