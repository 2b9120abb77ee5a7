"""Which step a session takes next, and who does it: a frontier that keeps to the mode of the session.

All that a source knows follows from the plan, the cast and the attempts in the state, so that a session that
is taken up after a crash goes on as it would have gone on (R4).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mplp_runtime.orchestrator.schedule import Frontier, ScheduledStep

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a session has come, as the state has it.

    `assigned` are positions of participants by step, `attempts` the latest of each step, and `merged_wave` is
    the last wave whose writes are merged.
    """

    scheduled: Sequence[ScheduledStep]
    done: Collection[str]
    assigned: Mapping[str, tuple[int, ...]]
    attempts: Mapping[str, Record]
    merged_wave: int = 0


class TurnSource:
    """One step at a time: round_robin, orchestrated and pair. Each step is a wave of its own.

    A wave are the steps whose turns may be out at the same time; what they wrote is merged when it is over.
    `wave` is the number of the wave that the last step taken belongs to.
    """

    def __init__(self, standing: Standing) -> None:
        scheduled, done = standing.scheduled, standing.done
        self._priorities = {step.step_id: step.priority for step in scheduled}
        self._assigned = standing.assigned
        self.out: dict[str, int] = {}
        """Who has the turn, by step: positions of participants."""
        self._at_end: set[str] = set()
        """Steps of `out` whose turn is over, though the loop has not been told yet."""
        self.is_merging = False
        """While what a wave wrote is merged, and until its last step is told, nobody begins a turn."""
        of_wave = _steps_by_wave(standing.attempts)
        self.wave = max(of_wave, default=0)
        # Of a wave that ended and is not merged yet, one step is taken again, for what follows its end.
        last = of_wave.get(self.wave, [])
        left = [step_id for step_id in last if step_id not in done]
        self._again = last[-1:] if self.wave > standing.merged_wave and last and not left else []
        self._is_resumed = bool(left or self._again)
        self._frontier = Frontier(scheduled, frozenset(done).difference(self._again))
        self._ready: list[str] = []

    def take(self) -> str | None:
        """The next step, which from now on is somebody's turn; None while nobody may begin one."""
        if self.out or not (ready := self._all_ready()):
            return None
        return self._taken(self._first_again() or ready[0])

    def finish(self, step_id: str) -> None:
        """A turn is over and its step succeeded."""
        self._over(step_id)
        self._frontier.finish(step_id)

    def ended(self, step_id: str) -> None:
        """A turn is over and its step did not succeed: what depends on it never comes."""
        self._over(step_id)

    def _over(self, step_id: str) -> None:
        self._leaves(step_id)
        if not self.out:
            self.is_merging = False

    def _leaves(self, step_id: str) -> None:
        self.out.pop(step_id, None)
        self._at_end.discard(step_id)

    def skip(self, step_id: str) -> None:
        """A person has the session go on without the step."""
        self._leaves(step_id)
        if step_id in self._ready:
            self._ready.remove(step_id)
        self._frontier.skip(step_id)

    def again(self, step_id: str) -> None:
        """A step whose turn is over without success is ready once more."""
        self._leaves(step_id)
        # A step that was skipped meanwhile is not taken any more.
        if step_id not in self._ready and self._frontier.is_taken(step_id):
            self._ready = sorted([*self._ready, step_id], key=self._priorities.__getitem__)

    def comes_to_its_end(self, step_id: str) -> None:
        """The turn at a step is over, and what follows its end begins."""
        self._at_end.add(step_id)

    def is_last_of_wave(self, step_id: str) -> bool:
        """Whether nobody else of the step's wave has or gets a turn any more.

        Two turns can end in the same commit: the second is the last then, though neither has left `out`.
        """
        return self._at_end.issuperset(self.out.keys() - {step_id})

    def hold_for(self, step_id: str) -> bool:
        """Has nobody begin a turn until `finish` of a step that is skipped; False if it is done already."""
        if not self._frontier.is_open(step_id):
            return False
        if step_id in self._ready:
            self._ready.remove(step_id)
        self.out[step_id] = self._doer(step_id)
        return True

    @property
    def opened_steps(self) -> tuple[str, ...]:
        """The steps of the present wave, where all of them are known when it begins; else ()."""
        return ()

    def _taken(self, step_id: str, participant: int | None = None) -> str:
        if not self.out and not self._is_resumed:
            self.wave += 1
        self._is_resumed = False
        self._ready.remove(step_id)
        self.out[step_id] = self._doer(step_id) if participant is None else participant
        return step_id

    def _doer(self, step_id: str) -> int:
        return self._assigned.get(step_id, (0,))[0]

    def _all_ready(self) -> list[str]:
        if fresh := self._frontier.take_all():
            self._ready = sorted([*self._ready, *fresh], key=self._priorities.__getitem__)
        return self._ready

    def _first_again(self) -> str | None:
        return self._again.pop() if self._again else None


class WaveSource(TurnSource):
    """Broadcast: all that is ready at once, and nothing more until all of that is over."""

    def __init__(self, standing: Standing) -> None:
        super().__init__(standing)
        steps = _opened_by(standing.attempts, self.wave)
        left = [step_id for step_id in steps if step_id not in standing.done]
        # Steps of the wave that nobody had begun count too: the wave is not over without them.
        if left:
            self._again, self._is_resumed = [], True
            self._frontier = Frontier(standing.scheduled, standing.done)
        self._steps: tuple[str, ...] = tuple(steps)
        self._left: list[str] = left or list(self._again)

    def skip(self, step_id: str) -> None:
        super().skip(step_id)
        if step_id in self._left:
            self._left.remove(step_id)

    def take(self) -> str | None:
        ready = self._all_ready()
        if not self._left and not self.out:
            self._left = list(ready)
            if ready:
                self._steps = tuple(ready)
                self.wave += 1
        if not self._left:
            return None
        step_id = self._left.pop(0)
        self._ready.remove(step_id)
        self.out[step_id] = self._doer(step_id)
        return step_id

    def is_last_of_wave(self, step_id: str) -> bool:
        return set(self._left) <= {step_id} and super().is_last_of_wave(step_id)

    def hold_for(self, step_id: str) -> bool:
        if step_id in self._left:
            self._left.remove(step_id)
        return super().hold_for(step_id)

    @property
    def opened_steps(self) -> tuple[str, ...]:
        return self._steps


class SwarmSource(TurnSource):
    """Swarm: the best ready step that an idle participant can do. A wave lasts until all are idle again."""

    def take(self) -> str | None:
        if self.is_merging:
            return None
        ready = self._all_ready()
        again = self._first_again()
        if again is not None:
            return self._taken(again)
        busy = set(self.out.values())
        for step_id in ready:
            for participant in self._assigned.get(step_id, ()):
                if participant not in busy:
                    return self._taken(step_id, participant)
        return None


def source_for(mode: str, standing: Standing) -> TurnSource:
    """The source of a session's mode, as the state has it now."""
    return {"broadcast": WaveSource, "swarm": SwarmSource}.get(mode, TurnSource)(standing)


def _steps_by_wave(attempts: Mapping[str, Record]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for step_id, attempt in attempts.items():
        found.setdefault(attempt["turns"][0]["wave"], []).append(step_id)
    return found


def _opened_by(attempts: Mapping[str, Record], wave: int) -> list[str]:
    """The steps of a wave as they were written down when it began; [] where that was not."""
    for attempt in attempts.values():
        turn = attempt["turns"][0]
        if turn["wave"] == wave and "wave_steps" in turn:
            return list(turn["wave_steps"])
    return []
