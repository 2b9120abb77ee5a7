"""Small documents, a world made of documents, and random documents with random faults."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import mplp_schemas
from mplp_runtime.rules.facts import document_facts
from mplp_runtime.rules.findings import Finding
from mplp_runtime.rules.shape import insertion_for, known_properties
from mplp_runtime.rules.world import Baseline, DocumentFacts
from mplp_runtime.settings import Settings

OFFICIAL = Path(__file__).resolve().parents[3] / "../shared/mplp-v1.0.0"


def identifier(number: int) -> str:
    """The id with this number; two numbers differ in many characters, so that none looks like a slip."""
    text = f"{number + 1:x}" * 12
    return f"{text[:8]}-{text[:4]}-4{text[:3]}-8{text[:3]}-{text[:12]}"


def step(number: int, *dependencies: int, **members: object) -> dict[str, Any]:
    return {
        "step_id": identifier(number),
        "description": f"Step {number}",
        "status": "pending",
        "agent_role": "tester",
        "dependencies": [identifier(dependency) for dependency in dependencies],
    } | members


def plan(*steps: object, **members: object) -> dict[str, Any]:
    return {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "plan_id": identifier(20),
        "context_id": identifier(21),
        "title": "Release",
        "objective": "Ship it",
        "status": "draft",
        "steps": list(steps) or [step(0)],
    } | members


def context(**members: object) -> dict[str, Any]:
    return {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "context_id": identifier(21),
        "root": {"domain": "shop", "environment": "dev"},
        "title": "Shop",
        "status": "active",
    } | members


def role(name: str, number: int = 30) -> dict[str, Any]:
    return {
        "meta": {"protocol_version": "1.0.0", "schema_version": "1.0.0"},
        "role_id": identifier(number),
        "name": name,
    }


def facts(kind: str, value: object, uri: str | None = None) -> DocumentFacts:
    return document_facts(uri or f"file:///project/{kind}.json", kind, value, {})


class SmallWorld:
    """A `World` of a few documents."""

    def __init__(
        self,
        *documents: DocumentFacts,
        settings: Settings | None = None,
        baselines: Mapping[tuple[str, str], Baseline] | None = None,
    ) -> None:
        self._documents = sorted(documents, key=lambda document: document.uri)
        self._settings = settings
        self._baselines = baselines or {}

    def declarations(self, kind: str, id: str) -> Sequence[DocumentFacts]:
        return [document for document in self.documents(kind) if document.id == id]

    def documents(self, kind: str | None = None) -> Iterable[DocumentFacts]:
        return [document for document in self._documents if kind in (None, document.kind)]

    def settings(self) -> Settings | None:
        return self._settings

    def baseline(self, kind: str, id: str) -> Baseline | None:
        return self._baselines.get((kind, id))


def told(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Code and place of each finding; a place is a JSON pointer, `key:` or `open:` before it where so."""
    return [(finding.code, place_of(finding)) for finding in findings]


def place_of(finding: Finding) -> str:
    pointer = "".join(f"/{part}" for part in finding.place.pointer)
    return pointer if finding.place.part == "value" else f"{finding.place.part}:{pointer}"


def sound(kind: str) -> dict[str, Any]:
    """A sound document of a kind, all known properties filled from the schema."""
    name = mplp_schemas.KINDS[kind]
    document = {key: insertion_for(name, (key,))["insert_default"] for key in known_properties(name, ())}
    for key, value in document.items():
        if value == []:
            document[key] = [insertion_for(name, (key, 0))["insert_default"] for _ in range(2)]
    return copy.deepcopy(document)


def mutated(document: Any, chance: random.Random) -> Any:
    """A copy with one to three faults anywhere: dropped, added, renamed, retyped, respelled."""
    document = copy.deepcopy(document)
    for _ in range(chance.randint(1, 3)):
        owners = [owner for owner in _containers(document) if len(owner)]
        if not owners:
            break
        _spoil(chance.choice(owners), chance)
    return document


def _containers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(inner for member in value.values() for inner in _containers(member))]
    if isinstance(value, list):
        return [value, *(inner for entry in value for inner in _containers(entry))]
    return []


ODD_VALUES = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    " ",
    "x",
    "pendng",
    [],
    [1],
    {},
    {"a": []},
    "A50E8400-E29B-41D4-A716-446655440000",
)


def _spoil(owner: Any, chance: random.Random) -> None:
    keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
    key = chance.choice(keys)
    act = chance.randrange(6)
    if act == 0:
        del owner[key]
    elif act == 1 and isinstance(owner, dict):
        owner[chance.choice(("extra", "stepId", " status", "$comment", "titel"))] = odd_value(chance)
    elif act == 2 and isinstance(owner[key], str):
        owner[key] = owner[key].upper() + chance.choice(("", " ", "x"))
    elif act == 3 and isinstance(owner, list):
        owner.append(copy.deepcopy(owner[key]))
    elif act == 4 and isinstance(owner[key], list):
        owner[key] = []
    else:
        owner[key] = odd_value(chance)


def odd_value(chance: random.Random) -> Any:
    return copy.deepcopy(chance.choice(ODD_VALUES))
