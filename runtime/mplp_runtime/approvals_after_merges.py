"""A merge may bring in what nobody looked at when a plan was approved (seed 2, 11).

With `[gates] git_merge_reapproval` approved plans are proposed again: their Confirm becomes `pending`,
and a person decides. Nothing else about them changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from mplp_runtime.approvals import Approvals
from mplp_runtime.errors import MplpError, StoreError
from mplp_runtime.project_roots import of_one_project
from mplp_runtime.rules.lifecycle import is_terminal
from mplp_runtime.vsl.interface import Json

ROLE = "git"


async def propose_again(
    approvals: Approvals, root: Path, files: Iterable[str], event: Mapping[str, Json]
) -> list[Path]:
    """Proposes the approved plans among `files` again; returns their Confirm documents.

    A plan that cannot be read, or is over, is left alone. Raises StoreError, after which some plans may not
    have been proposed: the same again proposes those.
    """
    payload = event["payload"]
    reason = f"Merge {str(payload['commit_id'])[:12]} into {payload['ref_name']} came after the approval."
    proposed: list[Path] = []
    for file in of_one_project(root, files):
        if not (file.endswith(".plan.json") or file.rpartition("/")[2] == "plan.json"):
            continue
        path = root / file
        plan = _plan(path)
        if plan is None or is_terminal("plan", str(plan.get("status"))):
            continue
        try:
            if approvals.state(path, plan).word == "approved":
                proposed.append(await approvals.propose(path, plan, role=ROLE, reason=reason))
        except StoreError:
            raise
        except MplpError:
            # Of an invalid plan no approval holds anyway.
            continue
    return proposed


def _plan(path: Path) -> Mapping[str, Json] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and "plan_id" in value else None
