"""The names of all commands, for the answer to `initialize`, which must not wait for their imports."""

from __future__ import annotations

COMMAND_NAMES = (
    "mplp.runPlan",
    "mplp.dryRunPlan",
    "mplp.cancelRun",
    "mplp.pauseRun",
    "mplp.resumeRun",
    "mplp.answerHandoff",
    "mplp.retryStep",
    "mplp.skipStep",
    "mplp.rollbackRun",
    "mplp.showTrace",
    "mplp.showGraph",
    "mplp.writeBackStatus",
    "mplp.createSnapshot",
    "mplp.restoreSnapshot",
    "mplp.checkDrift",
    "mplp.reconcileDrift",
    "mplp.proposePlan",
    "mplp.approvePlan",
    "mplp.rejectPlan",
    "mplp.trustWorkspace",
    "mplp.explain",
    "mplp.validateWorkspace",
    "mplp.serverStatus",
)
