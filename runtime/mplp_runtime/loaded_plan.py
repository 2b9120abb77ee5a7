"""A plan document read from disk together with the documents around it, checked and ready to be started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_runtime.errors import PlanInvalid, SettingsInvalid
from mplp_runtime.orchestrator.admission import plan_value
from mplp_runtime.project_documents import ProjectDocuments, read_documents, read_text
from mplp_runtime.psg.baselines import baseline
from mplp_runtime.rules.check import check
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.findings import Finding, Severity
from mplp_runtime.settings import Settings

if TYPE_CHECKING:
    from mplp_runtime.library import ProgramInterface


@dataclass(frozen=True, slots=True)
class LoadedPlan:
    """What `Runtime.load` returns; later changes of the file do not change it.

    `document` is the plan as JSON, `findings` is what the rules say about it (the editor's own findings) by
    place, and `world` has the other documents of the project.
    """

    path: Path
    text: str
    document: Mapping[str, Any]
    findings: tuple[Finding, ...]
    world: ProjectDocuments

    @property
    def plan_id(self) -> str | None:
        """The plan's own id; None where it has none that is text."""
        found = self.document.get("plan_id")
        return found if isinstance(found, str) else None

    @property
    def errors(self) -> tuple[str, ...]:
        """Why the document would not be started, as sentences; empty for a sound one."""
        return tuple(found.message for found in self.findings if found.severity == Severity.ERROR)


def load_plan(runtime: ProgramInterface, path: Path, text: str | None = None) -> LoadedPlan:
    """Reads and checks one plan, in the words of `text` where that is given.

    Raises MplpError, and PlanInvalid for what is no JSON object.
    """
    world = read_documents(
        runtime.root,
        runtime.list_files(runtime.root),
        lambda kind, document_id: baseline(runtime.vsl, kind, document_id),
        _sound_settings(runtime),
    )
    text = read_text(path) if text is None else text
    try:
        document = plan_value(text)
    except PlanInvalid as problem:
        raise PlanInvalid(f"{path.name}: {problem}") from problem
    facts = document_facts(path.as_uri(), "plan", document, {})
    return LoadedPlan(path, text, document, tuple(check("plan", document, facts, world)), world)


def _sound_settings(runtime: ProgramInterface) -> Settings | None:
    try:
        return runtime.settings()
    except SettingsInvalid:
        # A start says what is wrong with them; rules do without.
        return None
