"""All commands, by name. The server advertises exactly these; docs and editors are checked against them."""

from __future__ import annotations

from collections.abc import Mapping

from mplp_lsp.commands.approvals import APPROVE_PLAN, PROPOSE_PLAN, REJECT_PLAN
from mplp_lsp.commands.check_drift import CHECK_DRIFT, RECONCILE_DRIFT
from mplp_lsp.commands.command import Command
from mplp_lsp.commands.explain import EXPLAIN
from mplp_lsp.commands.run_plan import DRY_RUN_PLAN, RUN_PLAN
from mplp_lsp.commands.runs import ANSWER_HANDOFF, CANCEL_RUN, PAUSE_RUN, RESUME_RUN
from mplp_lsp.commands.server_status import SERVER_STATUS
from mplp_lsp.commands.show_graph import SHOW_GRAPH
from mplp_lsp.commands.show_trace import SHOW_TRACE
from mplp_lsp.commands.snapshots import CREATE_SNAPSHOT, RESTORE_SNAPSHOT
from mplp_lsp.commands.step_decisions import RETRY_STEP, ROLLBACK_RUN, SKIP_STEP
from mplp_lsp.commands.trust_workspace import TRUST_WORKSPACE
from mplp_lsp.commands.validate_workspace import VALIDATE_WORKSPACE
from mplp_lsp.commands.write_back_status import WRITE_BACK_STATUS

COMMANDS: Mapping[str, Command] = {
    command.name: command
    for command in (
        RUN_PLAN,
        DRY_RUN_PLAN,
        CANCEL_RUN,
        PAUSE_RUN,
        RESUME_RUN,
        ANSWER_HANDOFF,
        RETRY_STEP,
        SKIP_STEP,
        ROLLBACK_RUN,
        SHOW_TRACE,
        SHOW_GRAPH,
        WRITE_BACK_STATUS,
        CREATE_SNAPSHOT,
        RESTORE_SNAPSHOT,
        CHECK_DRIFT,
        RECONCILE_DRIFT,
        PROPOSE_PLAN,
        APPROVE_PLAN,
        REJECT_PLAN,
        TRUST_WORKSPACE,
        EXPLAIN,
        VALIDATE_WORKSPACE,
        SERVER_STATUS,
    )
}
