"""Who does which step of a plan, by the mode of the session: pure, and the same for the same documents.

Seed 1, 5.2 looks for a participant whose `role_id` equals the step's `agent_role`. In the protocol's own
examples the first is an id and the second a word, so that this never holds (runtime.md 5); a participant is
therefore looked for in several ways, the strictest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from mplp_runtime.orchestrator.sessions.session import Cast, Participant, Session

LEADING_WORDS = frozenset({"orchestrator", "coordinator", "dispatcher", "lead", "leader"})
"""Words in a participant's role or name that make it the one who hands out turns."""

_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> frozenset[str]:
    """The words of a name, whatever stands between them.

    >>> sorted(words_of("Agent-A (Code_Reviewer)"))
    ['a', 'agent', 'code', 'reviewer']
    """
    return frozenset(word.casefold() for word in _WORD.findall(text))


def with_role_word(participant: Participant, plan_roles: Iterable[str]) -> Participant:
    """The participant with the word for its role: the plan's if it has one, else the Role's name or id."""
    ranked = [(rank, role) for role in plan_roles if (rank := closeness(role, participant)) is not None]
    # Of roles that fit equally well the one that the plan names first.
    role = min(ranked, key=lambda each: each[0])[1] if ranked else None
    return replace(participant, role=role or participant.role_name or participant.role_id)


def closeness(role: str, participant: Participant) -> int | None:
    """How a participant fits a role: 0 is the strictest way; None if it does not."""
    if participant.role_id == role:
        return 0
    if participant.role_name == role:
        return 1
    if participant.participant_id == role:
        return 2
    wanted = words_of(role)
    return 3 if wanted and wanted <= words_of(participant.name) else None


def fitting(role: str, participants: Sequence[Participant]) -> tuple[int, ...]:
    """Positions of the participants of a role, those that fit in the strictest way; () where none does.

    >>> ana = Participant("ana", "0b1c", "human", "Ana (editor)", "editor")
    >>> ben = Participant("ben", "writer", "agent", "Ben", "writer")
    >>> fitting("writer", [ana, ben]), fitting("editor", [ana, ben]), fitting("painter", [ana, ben])
    ((1,), (0,), ())
    """
    ranks = [closeness(role, each) for each in participants]
    known = [rank for rank in ranks if rank is not None]
    return tuple(place for place, rank in enumerate(ranks) if known and rank == min(known))


def leader_of(mode: str, participants: Sequence[Participant]) -> int:
    """The position of whoever hands out turns: by its role or name, else a system, else the first."""
    for place, each in enumerate(participants):
        if LEADING_WORDS & (words_of(each.role) | words_of(each.name)):
            return place
    if mode == "orchestrated":
        for place, each in enumerate(participants):
            if each.kind == "system":
                return place
    return 0


def cast(session: Session, plan: Mapping[str, Any], order: Sequence[str]) -> Cast:
    """Who does which step. `order` are the steps that are left, as one worker would do them."""
    people = session.participants
    everybody = tuple(range(len(people)))
    turns = {step_id: turn for turn, step_id in enumerate(order)}
    others = tuple(place for place in everybody if place != session.leader) or everybody
    assigned: dict[str, tuple[int, ...]] = {}
    unmatched: dict[str, None] = {}
    # Where several have a role they take its steps in turn.
    given: dict[str, int] = {}
    fits = cache(lambda role: fitting(role, people))
    for position, step in enumerate(plan["steps"]):
        step_id, role = step["step_id"], step.get("agent_role")
        if step_id not in turns:
            continue
        if session.mode == "round_robin":
            # Seed 1, 5.3; a step without `order_index` counts by its place in the plan. 2.0 is an integer in
            # a JSON Schema.
            assigned[step_id] = (int(step.get("order_index", position)) % len(people),)
            continue
        fit = fits(role) if role else ()
        if role and not fit:
            unmatched[role] = None
        if session.mode == "pair":
            doer = fit[0] if len(fit) == 1 else turns[step_id] % len(people)
            assigned[step_id] = (doer, 1 - doer)
        elif session.mode == "swarm":
            assigned[step_id] = fit or everybody
        else:
            free = others if session.mode == "orchestrated" else everybody
            # Who hands out turns does no work that somebody else can do.
            able = tuple(place for place in fit if place in free) or fit
            count = given[role] = given.get(role, -1) + 1 if role else 0
            assigned[step_id] = (able[count % len(able)] if able else free[position % len(free)],)
    return Cast(assigned, tuple(unmatched))
