"""Kills processes that run plans, hundreds of times, and counts what was lost or done twice.

`python -m tests.chaos.kills` prints the figures for the promises R1 to R8. Exit code 1 if a promise was
broken, or if too few kills hit a step to say much.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos import shim
from tests.chaos.figures import Figures, table
from tests.chaos.mutations import Mutation
from tests.chaos.worker import AT_SYSTEM_CALLS, Campaign

REPOSITORY = Path(__file__).resolve().parents[2]
ENOUGH_IN_A_STEP = 0.2
_DISK_STRIDE = 11

COLUMNS = {
    "random": "at random",
    "editor": "beside editor",
    "sweep": "each change",
    "power": "power cut",
    "disk": "bad disk",
}


@dataclass(frozen=True)
class Worker:
    """One running worker, and where its words go."""

    campaign: Campaign
    process: subprocess.Popen[str]
    told: Path


def run(
    campaigns: Sequence[Campaign], folder: Path, *, at_once: int, limit_s: float = 3600.0
) -> Mapping[str, Figures]:
    """Does all campaigns, some at once; the figures by kind. Raises RuntimeError if a worker fails."""
    environment = dict(os.environ)
    if any(each.kind in AT_SYSTEM_CALLS for each in campaigns):
        environment["LD_PRELOAD"] = str(shim.build(folder))
    # Paths of the checkout come first: what is tested is what stands here.
    paths = [str(REPOSITORY), str(REPOSITORY / "runtime"), str(REPOSITORY / "schemas")]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    found: dict[str, Figures] = {}
    waiting, running = list(campaigns), list[Worker]()
    deadline = time.monotonic() + limit_s
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                running.append(_begun(waiting.pop(0), folder, environment))
            for worker in [each for each in running if each.process.poll() is not None]:
                running.remove(worker)
                print(f"{time.strftime('%H:%M:%S')} done: {worker.told.stem}", file=sys.stderr, flush=True)
                found.setdefault(worker.campaign.kind, Figures()).add(_figures(worker))
            if time.monotonic() > deadline:
                raise RuntimeError(f"not done after {limit_s:g} s: {[each.campaign for each in running]}")
            time.sleep(0.02)
    finally:
        for worker in running:
            worker.process.kill()
            worker.process.wait()
    return found


def shares(campaign: Campaign, of: int) -> list[Campaign]:
    """The campaign, cut into parts that may be done at the same time."""
    kills = [campaign.kills // of + (share < campaign.kills % of) for share in range(of)]
    return [replace(campaign, share=share, of=of, kills=kills[share]) for share in range(of)]


def _begun(campaign: Campaign, folder: Path, environment: Mapping[str, str]) -> Worker:
    own = folder / f"{campaign.kind}-{campaign.share}"
    own.mkdir()
    campaign = replace(campaign, folder=str(own))
    told = own.with_suffix(".told")
    with told.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.worker", campaign.json()],
            cwd=REPOSITORY,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return Worker(campaign, process, told)


def _figures(worker: Worker) -> Figures:
    lines = worker.told.read_text(encoding="utf-8").splitlines()
    if worker.process.returncode != 0 or not lines:
        raise RuntimeError(f"{worker.campaign} failed:\n" + "\n".join(lines[-30:]))
    return Figures.of_json(lines[-1])


def main() -> int:
    """The command line; 0 if every promise held."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500, help="at random times (default: 500)")
    parser.add_argument("--stride", type=int, default=1, help="only each n-th change of the disk")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--seed", type=int, default=None)
    mutations: tuple[Mutation, ...] = ("forgets starts", "skips fsync")
    parser.add_argument("--mutation", choices=mutations, help="break the product: the harness must fail")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    began = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="mplp-chaos-"))
    why_not = shim.missing()
    beside = options.kills // 10 if not options.mutation else 0
    of = max(1, options.workers)
    common = Campaign("random", "", seed, stride=options.stride, mutation=options.mutation, is_long=True)
    campaigns = shares(replace(common, kills=options.kills - beside), of)
    if beside:
        campaigns += shares(replace(common, kind="editor", kills=beside), 1)
    if why_not is None:
        campaigns += shares(replace(common, kind="power"), of) + shares(replace(common, kind="sweep"), of)
        disks = replace(common, kind="disk", stride=_DISK_STRIDE * options.stride, mutation=None)
        campaigns += shares(disks, of)
    found = run(campaigns, folder, at_once=of, limit_s=4 * 3600)
    print(f"seed {seed}, {of} workers, {time.monotonic() - began:.0f} s, folder {folder}")
    if why_not is None:
        print("stopped at system calls by a preloaded library, tests/chaos/shim.c, that was built here")
    else:
        print(f"NOT DONE: kills at each write and fsync, and power cuts: {why_not}.")
    print(table({words: found[kind] for kind, words in COLUMNS.items() if kind in found}))
    enough = found["random"].share_in_a_step >= ENOUGH_IN_A_STEP
    if not enough:
        print(f"fewer than {ENOUGH_IN_A_STEP:.0%} of the kills hit a step: the figures say too little")
    is_good = enough and all(each.is_good for each in found.values())
    if is_good:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
