"""Findings step by step, kept from one version of a plan to the next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from mplp_runtime.rules.findings import Finding
from mplp_runtime.rules.graph import StepGraph
from mplp_runtime.rules.graph_changes import Memory
from mplp_runtime.rules.world import StepFacts

Found = Mapping[int, tuple[Finding, ...]]


class _Known(NamedTuple):
    graph: StepGraph
    inputs: object
    found: dict[int, tuple[Finding, ...]]


def found_by_step(
    memory: Memory | None,
    name: str,
    graph: StepGraph,
    rule: Callable[[int], Iterable[Finding]],
    candidates: Callable[[], Iterable[int]],
    inputs: object = None,
) -> Found:
    """What `rule` has against each step, by position, only where it has anything, in no particular order.

    `rule` may look at the facts of the step, of the steps it depends on and of those with the same id, at its
    circle, and at `inputs`; nothing else. Then it is asked again only about steps of which one of these has
    changed since the version that `memory` knows, and about all `candidates` where nothing is known.
    """
    known = memory.get(name) if memory is not None else None
    found: dict[int, tuple[Finding, ...]] | None = None
    if isinstance(known, _Known) and (known.inputs is inputs or known.inputs == inputs):
        found = _carried(known, graph, rule)
    if found is None:
        found = {index: findings for index in candidates() if (findings := tuple(rule(index)))}
    if memory is not None:
        memory[name] = _Known(graph, inputs, found)
    return found


def forgotten(memory: Memory | None, name: str) -> Found:
    """No findings; what was kept would only be compared with ever younger versions."""
    if memory is not None:
        memory.pop(name, None)
    return {}


def _carried(
    known: _Known, graph: StepGraph, rule: Callable[[int], Iterable[Finding]]
) -> dict[int, tuple[Finding, ...]] | None:
    if known.graph is graph:
        return known.found
    difference = graph.difference(known.graph)
    if difference is None:
        return None
    window, touched = difference
    if not window.shift:
        found = dict(known.found)
        asked: Iterable[int] = touched
        for index in touched:
            found.pop(index, None)
    else:
        # Messages call steps by their numbers, so whatever was said is said anew; silence stays silence.
        found = {}
        spoken = (window.moved(index) for index in known.found)
        asked = touched.union(index for index in spoken if index is not None)
    for index in asked:
        findings = tuple(rule(index))
        if findings:
            found[index] = findings
    return found


class _Kept(NamedTuple):
    graph: StepGraph
    inputs: object
    findings: tuple[Finding, ...]


def kept_while(
    memory: Memory | None,
    name: str,
    graph: StepGraph,
    of_step: Callable[[StepFacts], object],
    make: Callable[[], tuple[Finding, ...]],
    inputs: object = None,
) -> tuple[Finding, ...]:
    """What `make` gives, for rules that speak about all steps together.

    Made again only where a step came or went, or `of_step` gives something else for one, or `inputs` changed.
    """
    known = memory.get(name) if memory is not None else None
    if isinstance(known, _Kept) and known.inputs == inputs:
        difference = graph.difference(known.graph)
        if difference is not None and not difference.window.shift:
            first, stop, _ = difference.window
            before, now = known.graph.steps[first:stop], graph.steps[first:stop]
            if all(of_step(one) == of_step(other) for one, other in zip(before, now, strict=True)):
                if memory is not None:
                    memory[name] = _Kept(graph, inputs, known.findings)
                return known.findings
    findings = make()
    if memory is not None:
        memory[name] = _Kept(graph, inputs, findings)
    return findings
