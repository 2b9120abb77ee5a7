"""What an editor would show of documents held in memory: findings with their lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mplp_lsp.analysis.located import Located
from mplp_lsp.features.diagnostics import findings_of
from mplp_lsp.workspace.kinds import NO_RULES, FileRules
from mplp_runtime.rules.findings import Severity, Stage
from tests.project import project, uri


@dataclass(frozen=True, slots=True)
class Shown:
    """One finding as a person sees it; lines are counted from 1."""

    line: int
    code: str
    message: str
    severity: Severity
    is_syntax: bool

    @property
    def is_loud(self) -> bool:
        """Whether it is an error or a warning."""
        return self.severity <= Severity.WARNING


def shown_in(files: Mapping[str, str], name: str, rules: FileRules = NO_RULES) -> list[Shown]:
    """What is shown in the file `name` of a project of these files, in the order of the text."""
    text = "".join(f"-- {each} --\n{content}\n" for each, content in files.items())
    seen = project(text.removesuffix("\n"), rules=rules)
    document = seen.snapshot.document(uri(name))
    assert document is not None
    assert document.kind is not None, f"{name} is not seen as a document of the protocol"
    return [_shown(files[name], located) for located in findings_of(seen.snapshot, document)]


def _shown(text: str, located: Located) -> Shown:
    finding = located.finding
    line = text.count("\n", 0, located.start) + 1
    return Shown(line, finding.code, finding.message, finding.severity, finding.stage == Stage.SYNTAX)
