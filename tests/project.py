"""A small language for tests: a whole project in one text, and what a feature sees of it.

    -- site.context.json --
    {"context_id": "<c1>", "status": "active"}
    -- site.plan.json --
    {"context_id": "$0<c1>"}

`-- name --` starts a file, `$0` is the cursor (taken out of the text), and `<c1>` stands for a UUID version 4
that is the same wherever the same word stands. A text without a header is the file `a.plan.json`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mplp_lsp.text.snapshot import Encoding
from mplp_lsp.text.uris import uri_of
from mplp_lsp.workspace.index import Baselines
from mplp_lsp.workspace.kinds import NO_RULES, FileRules
from mplp_lsp.workspace.snapshot import ClientView, Snapshot
from mplp_lsp.workspace.store import Update
from mplp_lsp.workspace.workspace import Workspace
from mplp_runtime.orchestrator.views import RunView

ROOT = Path("/project")
"""Where the files of a test project seem to be; nothing is ever read from or written to it."""

ABLE_CLIENT = ClientView(
    name="tests",
    related_information=True,
    diagnostic_tags=frozenset({1, 2}),
    code_description=True,
    diagnostic_data=True,
    hierarchical_symbols=True,
    markdown_hover=True,
    snippets=True,
    completion_preselect=True,
    document_changes=True,
    code_action_literals=True,
    code_action_preferred=True,
)

_HEADER = re.compile(r"^-- (\S.*?) --$", re.MULTILINE)
_WORD = re.compile(r"<([a-z][a-z0-9_-]*)>")


def uuid_of(word: str) -> str:
    """The UUID version 4 that `<word>` stands for."""
    digits = hashlib.sha256(word.encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:32]}"


def rescan(workspace: Workspace, root: Path, found: Iterable[Path]) -> list[Update]:
    """What a complete scan of a project changes: what it has not found is gone."""
    return workspace.refresh(dict.fromkeys([*found, *workspace.store.known_below(root)]))


def uri(name: str) -> str:
    """The URI of a file of the test project."""
    return uri_of(ROOT / name)


@dataclass(frozen=True)
class Project:
    """A test project: `snapshot, (uri, offset) = project(...)`, or by name."""

    snapshot: Snapshot
    workspace: Workspace
    cursor: tuple[str, int]

    def __iter__(self) -> Iterator[Any]:
        yield self.snapshot
        yield self.cursor

    @property
    def uri(self) -> str:
        """The file with the cursor, else the last one."""
        return self.cursor[0]

    def again(self) -> Snapshot:
        """The project as it stands after changes of `workspace`, seen with the same eyes."""
        fresh = self.workspace.snapshot(root=ROOT)
        return replace(self.snapshot, documents=fresh.documents, index=fresh.index)

    def write(self, name: str, text: str) -> None:
        """The whole text of a file, new or in place of the old one."""
        plain = expanded(text)
        document = self.workspace.store.document(uri(name))
        if document is None:
            self.workspace.open(uri(name), "json", 1, plain)
        else:
            self.workspace.change(uri(name), (document.version or 0) + 1, [(None, plain)])


def expanded(text: str) -> str:
    """With each `<word>` replaced by its UUID."""
    return _WORD.sub(lambda match: uuid_of(match[1]), text)


def project(
    text: str,
    *,
    encoding: Encoding = "utf-16",
    client: ClientView = ABLE_CLIENT,
    runs: Mapping[str, RunView] | None = None,
    is_trusted: bool = True,
    rules: FileRules = NO_RULES,
    baselines: Baselines | None = None,
    max_findings: int = 1_000,
) -> Project:
    """All files of `text`, open in an editor. Without `$0` the cursor is at the start of the last file."""
    workspace = Workspace(rules=rules, encoding=encoding)
    workspace.set_folders([ROOT])
    if baselines is not None:
        workspace.set_baselines(ROOT, baselines)
    cursor, has_cursor = ("", 0), False
    for name, content in files_of(text):
        plain = expanded(content)
        offset = plain.find("$0")
        if offset >= 0:
            cursor, has_cursor = (uri(name), offset), True
        elif not has_cursor:
            cursor = (uri(name), 0)
        language = "toml" if name.endswith(".toml") else "json"
        workspace.open(uri(name), language, 1, plain.replace("$0", "", 1))
    snapshot = workspace.snapshot(
        root=ROOT, runs=runs or {}, client=client, is_trusted=is_trusted, max_findings=max_findings
    )
    return Project(snapshot, workspace, cursor)


def files_of(text: str) -> list[tuple[str, str]]:
    """Names and contents; the line end before a header belongs to nobody."""
    headers = list(_HEADER.finditer(text))
    if not headers:
        return [("a.plan.json", text)]
    files: list[tuple[str, str]] = []
    for number, header in enumerate(headers):
        end = headers[number + 1].start() if number + 1 < len(headers) else len(text)
        content = text[header.end() + 1 : end]
        files.append((header[1], content.removesuffix("\n") if number + 1 < len(headers) else content))
    return files
