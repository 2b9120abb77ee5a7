"""One worker of the harness: a process without threads that has imported everything; it forks what is killed.

`python -m tests.chaos.worker CAMPAIGN` reads the campaign as JSON and prints Figures as JSON, last line.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mplp_runtime.ael.handlers import Handlers
from mplp_runtime.orchestrator.admission import admitted
from mplp_runtime.settings import load_settings
from tests.chaos import editor, power, shim
from tests.chaos.child import Task, run
from tests.chaos.figures import Figures
from tests.chaos.forks import Forked
from tests.chaos.lives import Lives
from tests.chaos.looks import settled
from tests.chaos.mutations import Mutation
from tests.chaos.scenarios import PLAN_MAKERS, SCENARIOS, TWENTY_IN_PROCESS, TWENTY_STEPS
from tests.runtime.orchestrator.projects import errors

AT_SYSTEM_CALLS = frozenset({"sweep", "power", "disk"})
"""Kinds of campaigns that need the library of `shim.c`."""

_PAUSE_S = 0.06
_RIVALS = 0.15
_MOST_KILLS = 7
"""Of one project, so that many states are met."""


@dataclass(frozen=True)
class Campaign:
    """What one worker does; of `of` workers it is number `share`, and does each `of`-th part.

    `kind`: `random` makes `kills` kills at random times, in `scenarios`; `sweep` one at each change of the
    disk (each `stride`-th, from `first`); `power` cuts the power at moments of a recorded run (each
    `stride`-th); `disk` lets all writes fail from one change on (each `stride`-th); `editor` kills the
    command line `kills` times beside an editor.
    """

    kind: str
    folder: str
    seed: int
    kills: int = 0
    stride: int = 1
    first: int = 1
    share: int = 0
    of: int = 1
    scenarios: tuple[str, ...] = ()
    scenario: str = ""
    mutation: Mutation | None = None
    is_long: bool = False

    def json(self) -> str:
        """For the command line of the worker."""
        return json.dumps(asdict(self))


def at_random(campaign: Campaign) -> Figures:
    """Kills at random times; some restarts happen twice at the same moment."""
    figures, number = Figures(), 0
    names = campaign.scenarios or tuple(name for name in SCENARIOS if not SCENARIOS[name].by_cli)
    while figures.kills < campaign.kills:
        # Each worker begins with another state, so that few kills meet many states.
        scenario = SCENARIOS[names[(number * campaign.of + campaign.share) % len(names)]]
        chance = random.Random(f"{campaign.seed}/{campaign.share}/{number}")
        root = Path(campaign.folder) / f"random-{campaign.share}-{number}"
        scenario.write(root, seed=chance.randrange(1_000_000))
        pause_s = 5 * _PAUSE_S if campaign.mutation else _PAUSE_S
        task = Task(root, scenario.name, pause_s=pause_s, mutation=campaign.mutation)
        lives = Lives(task, figures, f"seed {campaign.seed}")
        kills = 0
        while not lives.is_over and figures.kills < campaign.kills and kills < _MOST_KILLS:
            rivals = [lives.begin()]
            # Two people who restore different things at the same moment get what the later one wants.
            if kills and not scenario.restores and chance.random() < _RIVALS:
                rivals.append(lives.begin())
                figures.rivals += 1
            _strike(rivals, chance, scenario.words, root if campaign.mutation else None)
            _take(lives, rivals)
            kills += 1
        lives.finish()
        lives.forget()
        _keep(campaign, figures)
        number += 1
    return figures


def _strike(rivals: list[Any], chance: random.Random, most_words: int, until_effect: Path | None) -> None:
    """After a random number of words, a random moment later: mostly inside of a step."""
    victim = rivals[chance.randrange(len(rivals))]
    words = chance.randint(0, most_words)
    victim.listen(lambda: _words(victim) >= words and victim.said("ready"), 60)
    if until_effect is not None:
        # With recovery broken on purpose, each kill shall hit where it hurts: behind an effect.
        victim.listen(lambda: _has_unacknowledged_effect(until_effect, victim), 5)
    elif words == 0:
        # Anywhere from the first moment on: the state is being opened, or the run begun.
        victim.listen_for(chance.uniform(0.0, 0.15))
    else:
        victim.listen_for(chance.uniform(0.0, 0.06))
    for each in rivals:
        each.kill()


def _words(victim: Any) -> int:
    """How often it has told that something begins or has taken effect."""
    telling = {"start", "asks", "answered", "approved", "proposed", "cancelling", "kept", "restored"}
    return sum(line.split(" ", 1)[0] in telling for line in victim.lines)


def _has_unacknowledged_effect(root: Path, victim: Any) -> bool:
    from tests.chaos.steps import effects

    victim.listen_for(0.002)
    done = set(victim.said("done"))
    ours = {line.split(" ")[0] for line in victim.said("start")} - done
    return bool(ours & {name for name, _ in effects(root)})


def _take(lives: Lives, rivals: list[Any]) -> None:
    codes = [each.end() for each in rivals]
    if len(rivals) > 1:
        owners = [each for each in rivals if each.said("owner")]
        # The second may only own the run if the first was gone; both were killed at the same moment.
        if len(owners) > 1 and not any(each.said("end") for each in owners):
            lives.add("two_owners", " / ".join(" ".join(each.lines) for each in owners))
    ordered = sorted(zip(codes, rivals, strict=True), key=lambda pair: pair[0] != 0)
    for index, (_, each) in enumerate(ordered):
        lives.take(each, is_rival=index > 0)


def at_every_change(campaign: Campaign) -> Figures:
    """One kill at every change of the disk by a run; of some also at a change by the restart after it."""

    def killed(lives: Lives, number: int) -> bool:
        lives.take(lives.begin(stop_at=number, stop="halfway" if number % 3 == 0 else "before"))
        is_past_the_end = lives.is_over
        if not lives.is_over and number % 5 == 0:
            # The restart is killed as well, at a change of its own.
            lives.take(lives.begin(stop_at=1 + number % 37))
        return is_past_the_end

    return _swept(campaign, "sweep", lambda number: f"at change {number}", killed)


def _swept(
    campaign: Campaign, name: str, note: Callable[[int], str], live: Callable[[Lives, int], bool]
) -> Figures:
    """A project for each number of a change of the disk; `live` says when its run ended before that one."""
    figures = Figures()
    scenario = PLAN_MAKERS(campaign.scenario or TWENTY_STEPS.name)
    number = campaign.first + campaign.share * campaign.stride
    while True:
        root = Path(campaign.folder) / f"{name}-{number}"
        scenario.write(root, seed=campaign.seed, chained=True)
        task = Task(root, scenario.name, mutation=campaign.mutation)
        lives = Lives(task, figures, note(number))
        is_past_the_end = live(lives, number)
        lives.finish()
        lives.forget()
        _keep(campaign, figures)
        if is_past_the_end:
            return figures
        number += campaign.stride * campaign.of


def with_power_cuts(campaign: Campaign) -> Figures:
    """A recorded run is cut off at many moments; what had not been brought to disk by then is lost."""
    figures = Figures()
    scenario = PLAN_MAKERS(campaign.scenario or TWENTY_IN_PROCESS.name)
    folder = Path(campaign.folder)
    root = folder / f"recorded-{campaign.share}" / "project"
    scenario.write(root, seed=campaign.seed, chained=True)
    base = power.files_of(root)
    log = root.with_name("changes")
    recorded = Lives(Task(root, scenario.name, log=log, mutation=campaign.mutation), figures, "recorded")
    recorded.take(recorded.begin())
    changes = power.Changes.read(log, root, base)
    moments = changes.moments()
    for index in range(campaign.share, len(moments), campaign.of * campaign.stride):
        moment, loss = moments[index]
        target = folder / f"power-{campaign.share}-{index}"
        changes.write(target, moment, loss, seed=campaign.seed + index)
        task = Task(target, scenario.name, heard=changes.heard(moment), mutation=None)
        lives = Lives(task, figures, f"power cut at change {moment}, {loss}")
        figures.power_cuts += 1
        lives.finish()
        lives.forget()
        _keep(campaign, figures)
    return figures


def _keep(campaign: Campaign, figures: Figures) -> None:
    """What is known so far, for whoever looks while this goes on."""
    (Path(campaign.folder) / "so-far.json").write_text(figures.json(), encoding="utf-8")


def warm() -> None:
    """Does here, once, what every forked process would have to do: imports, and reading the schemas."""
    with tempfile.TemporaryDirectory() as folder:
        scenario, root = SCENARIOS["an encrypted store"], Path(folder) / "project"
        project = scenario.write(root, seed=1)

        def whole() -> int:
            code = run(Task(root, scenario.name))
            settled(root)
            print("\n".join(f"module {name}" for name in sys.modules), flush=True)
            return code

        first = Forked(whole, Path(folder) / "complaints")
        first.end()
        for name in first.said("module"):
            # Some compiled packages list modules that cannot be imported by themselves.
            with suppress(ImportError):
                importlib.import_module(name)
        settings = load_settings((root / "mplp.toml").read_text(encoding="utf-8"))
        admitted(project.request(), settings, Handlers())
    for kind in ("plan", "context", "confirm", "trace", "event"):
        errors(kind, {})


def on_bad_disks(campaign: Campaign) -> Figures:
    """From one change on every write fails, as on a full or a broken disk; then there is room again."""

    def stop(number: int) -> shim.Stop:
        return "broken disk" if number % 2 else "full disk"

    def without_room(lives: Lives, number: int) -> bool:
        lives.take(lives.begin(stop_at=number, stop=stop(number)), is_disk_bad=True)
        return lives.is_over

    return _swept(campaign, "disk", lambda number: f"{stop(number)} from change {number} on", without_room)


CAMPAIGNS: Mapping[str, Callable[[Campaign], Figures]] = {
    "random": at_random,
    "sweep": at_every_change,
    "power": with_power_cuts,
    "disk": on_bad_disks,
    "editor": lambda campaign: editor.beside_an_editor(
        Path(campaign.folder), campaign.kills, f"{campaign.seed}/{campaign.share}"
    ),
}


def main() -> int:
    """Prints Figures; progress goes to standard error."""
    value = json.loads(sys.argv[1])
    campaign = Campaign(**{**value, "scenarios": tuple(value["scenarios"])})
    if campaign.kind in AT_SYSTEM_CALLS and not shim.is_loaded():
        print("this campaign needs the library of shim.c", file=sys.stderr)
        return 2
    began = time.monotonic()
    if campaign.is_long:
        warm()
    figures = CAMPAIGNS[campaign.kind](campaign)
    print(f"{campaign.kind} {campaign.share}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    print(figures.json())
    return 0


if __name__ == "__main__":
    sys.exit(main())
