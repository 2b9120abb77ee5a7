"""Codes about runs: they come from what happened, not from what is written."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import Entry, Section

SESSION_SECTION = Section(
    "Runs",
    "What a run of the plan has to say at its steps. The next run clears it.",
    (
        Entry(
            "run-step-failed",
            "error",
            "The step failed in the last run; the last lines of its output are shown.",
            "Repair the cause and run the plan again.",
        ),
        Entry(
            "run-step-waiting",
            "information",
            "The run waits for a person's answer at this step.",
            "Answer with the code action or the lens at the step.",
        ),
        Entry(
            "run-step-interrupted",
            "warning",
            "The process ended while this step was under way, so it is unknown whether the step took effect.",
            "Resume the run; say whether the step may be repeated.",
        ),
        Entry(
            "run-drift",
            "information",
            "A document that the last run relied on, or a file that a step of it wrote, is not what it was.",
            "Run the plan again, restore a snapshot, or say with the code action that the change is meant.",
        ),
    ),
)
