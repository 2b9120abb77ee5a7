"""The sound documents that are broken: our examples and cases, a timeline, settings, the official files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.cases.case import FOLDER, read_case, sound_files
from tests.cases.plans import sound_plan

REPOSITORY = Path(__file__).resolve().parents[2]
OFFICIAL = REPOSITORY.parent / "shared/mplp-v1.0.0"
CASES_OF_A_FOLDER = 24


@dataclass(frozen=True, slots=True)
class Source:
    """A file as it stands in its project: `around` are the other files by name."""

    name: str
    text: str
    around: Mapping[str, str]


@cache
def plans() -> tuple[Source, ...]:
    """Plans of real projects, of which every prefix is tried."""
    found = [
        _from_disk(REPOSITORY / "examples/broken/checkout.plan.json"),
        _from_disk(REPOSITORY / "examples/greeter/release.plan.json"),
        Source("site.plan.json", json.dumps(sound_plan(), indent=2), sound_files()),
    ]
    if OFFICIAL.exists():
        found.append(_from_disk(OFFICIAL / "golden/flow-03-single-agent-with-tools/input/plan.json"))
    return tuple(found)


@cache
def sources() -> tuple[Source, ...]:
    """Everything, in a fixed order; less without the official files, which are not part of the project."""
    found = [*plans(), *_settings(), *_cases(), Source("all.events.ndjson", _timeline(), sound_files())]
    if OFFICIAL.exists():
        official = sorted([*OFFICIAL.glob("examples/**/*.json"), *OFFICIAL.glob("golden/*/*/*.json")])
        found.extend(map(_from_disk, official))
    return tuple(found)


def _from_disk(path: Path) -> Source:
    beside = {
        other.name: other.read_text("utf-8")
        for other in sorted(path.parent.iterdir())
        if other != path and (other.suffix == ".json" or other.name == "mplp.toml")
    }
    # A folder of examples is no project: each stands by itself.
    around = beside if len(beside) < 5 else sound_files()
    return Source(path.name, path.read_text("utf-8"), around)


def _settings() -> list[Source]:
    greeter = REPOSITORY / "examples/greeter/mplp.toml"
    rich = (
        '[runtime]\nmax_parallel = 4\n\n[limits]\nenv_allow = [\n  "PATH",\n  "HOME",\n]\n\n'
        '[roles.tester]\naction = "tool_call"\ncommand = ["pytest", "-q"]\ntimeout_s = 30\n\n'
        '[roles."release manager"]\naction = "agent_handoff"\nto = "human"\n'
    )
    plan = {"site.plan.json": json.dumps(sound_plan(), indent=2)}
    return [_from_disk(greeter), Source("mplp.toml", rich, plan)]


def _cases() -> list[Source]:
    """Some cases of each folder, spread over it: every kind of document and every family of rules."""
    found = []
    for folder in sorted({path.parent for path in FOLDER.glob("*/*.case")}):
        paths = sorted(folder.glob("*.case"))
        for path in paths[:: max(1, len(paths) // CASES_OF_A_FOLDER)]:
            case = read_case(path)
            files = {name: text for name, text in case.files if name != "alone" and " " not in name}
            around = {} if any(name == "alone" for name, _ in case.files) else sound_files()
            for name, text in files.items():
                others = {other: content for other, content in files.items() if other != name}
                found.append(Source(name, text, {**around, **others}))
    return found


def _timeline() -> str:
    lines = []
    for number, name in enumerate(("SAInitialized", "SAContextLoaded", "MAPBroadcastSent", "plan_started")):
        event = {
            "event_id": f"e0000000-0000-4000-8000-{number:012}",
            "event_type": name,
            "timestamp": f"2026-03-14T09:26:{number:02}Z",
            "sa_id": "7587c321-5bba-4d81-af02-4701f112521e",
            "payload": {"step_id": "11111111-1111-4111-8111-111111111111", "note": "ünïcode 🚀"},
        }
        lines.append(json.dumps(event, ensure_ascii=False))
    return "\n".join(lines) + "\n"
