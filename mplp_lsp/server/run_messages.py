"""`mplp/run` notifications as bytes, made where the run is and not where the keyboard is answered.

A run of 10,000 steps is megabytes of JSON, told once a second. Its steps are values that stay the same
objects while nothing about them changes, so each is written once for each change of it.
"""

from __future__ import annotations

from mplp_lsp.commands.run_json import run_head_json, step_json
from mplp_lsp.server.encoded import Encoded, encode
from mplp_runtime.orchestrator.views import RunView, StepView


class RunMessages:
    """Writes views of any runs; belongs to one thread. What was written of a run is kept while it goes on."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[list[StepView], list[bytes]]] = {}

    def params_of(self, view: RunView) -> Encoded:
        """What `run_json` says, in the form in which it is sent."""
        before, pieces = self._known.pop(view.run_id, ([], []))
        steps = list(view.steps.values())
        if len(before) != len(steps):
            # One by one: encoding everything in one call would keep all other threads waiting.
            pieces = [encode(step_json(step)) for step in steps]
        else:
            for place, (known, step) in enumerate(zip(before, steps, strict=True)):
                if known is not step:
                    pieces[place] = encode(step_json(step))
        if view.is_live:
            self._known[view.run_id] = steps, pieces
        return Encoded(b'%b,"steps":[%b]}' % (encode(run_head_json(view))[:-1], b",".join(pieces)))
