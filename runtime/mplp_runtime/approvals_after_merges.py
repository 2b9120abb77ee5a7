"""A merge may bring in what nobody looked at when a plan was approved (seed 2, 11).

With `[gates] git_merge_reapproval` approved plans are proposed again, those too that are approved by their
own word alone: their Confirm becomes `pending`, and a person decides. Nothing else about them changes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from pathlib import Path

from mplp_runtime.approvals import Approvals
from mplp_runtime.errors import MplpError, SettingsInvalid, StoreError
from mplp_runtime.kinds import confirm_path
from mplp_runtime.orchestrator.admission import is_authors_word
from mplp_runtime.project_documents import document_at
from mplp_runtime.project_roots import of_one_project
from mplp_runtime.rules.lifecycle import is_terminal
from mplp_runtime.settings import Settings
from mplp_runtime.vsl.interface import Json

ROLE = "git"


async def propose_again(
    approvals: Approvals, root: Path, files: Iterable[str], settings: Settings, event: Mapping[str, Json]
) -> list[Path]:
    """Proposes the approved plans among `files` again; returns their Confirm documents.

    A plan that cannot be read, or is over, is left alone. Raises StoreError, after which some plans may not
    have been proposed: the same again proposes those.
    """
    payload = event["payload"]
    reason = f"Merge {str(payload['commit_id'])[:12]} into {payload['ref_name']} came after the approval."
    proposed: list[Path] = []
    plans = await asyncio.to_thread(_plans, root, files)
    look = await asyncio.to_thread(approvals.confirms, [path for path, _ in plans])
    for path, plan in plans:
        if is_terminal("plan", str(plan.get("status"))):
            continue
        unreadable = [each.name for each in look.unreadable(plan["plan_id"], {confirm_path(path)})]
        word = approvals.state(path, plan, settings, confirms=look.values, unreadable=unreadable).word
        # What cannot be read now may turn out to be an approval once it is mended.
        is_approved = word in {"approved", "unreadable"}
        if not is_approved and not (word == "none" and is_authors_word(plan, settings)):
            continue
        try:
            proposed.append(await approvals.propose(path, plan, role=ROLE, reason=reason, anywhere=True))
        except (SettingsInvalid, StoreError):
            raise
        except MplpError:
            # Of an invalid plan no approval holds anyway.
            continue
    return proposed


def _plans(root: Path, files: Iterable[str]) -> list[tuple[Path, dict[str, Json]]]:
    """The plans of the project with their paths, whatever their names."""
    plans: list[tuple[Path, dict[str, Json]]] = []
    for file in of_one_project(root, (each for each in files if each.endswith(".json"))):
        kind, value = document_at(root / file) or (None, None)
        if kind == "plan" and isinstance(value, dict) and "plan_id" in value:
            plans.append((root / file, value))
    return plans
