"""Runs of agents and sessions of several, by the events of their profile: phases in turn, none left open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import mplp_schemas
from mplp_runtime.rules.event_facts import EventFacts, Profile
from mplp_runtime.rules.findings import Finding, Place, Related, Severity, Stage
from mplp_runtime.rules.map_events import unanswered_turns_of, unheard_broadcasts_of
from mplp_runtime.rules.rising import strays
from mplp_runtime.rules.words import listed, quoted

Numbered = Sequence[tuple[int, EventFacts]]
_Key = tuple[Profile, str]
_Runs = Mapping[_Key, Numbered]

# In which part of a run an event may come: those of one part come in any order, and several times.
_RANKS: Mapping[Profile, Mapping[str, int]] = {
    "sa": {"SAInitialized": 0, "SAContextLoaded": 1, "SAPlanEvaluated": 2, "SACompleted": 4},
    "map": {"MAPSessionStarted": 0, "MAPRolesAssigned": 1, "MAPSessionCompleted": 4},
}
_IN_THE_MIDDLE = 3
_FIRST_AND_LAST: Mapping[Profile, tuple[str, str]] = {
    "sa": ("SAInitialized", "SACompleted"),
    "map": ("MAPSessionStarted", "MAPSessionCompleted"),
}
_WHAT: Mapping[Profile, str] = {"sa": "run", "map": "session"}
# A run without steps has none of these, and a session may work by broadcasts alone.
_ONLY_WITH_WORK = frozenset({"SAStepStarted", "SAStepCompleted", "MAPTurnDispatched", "MAPTurnCompleted"})
ABOUT_ABSENCE = frozenset(
    (
        *("profile-event-missing", "step-start-missing", "step-end-missing", "stage-end-missing"),
        *("map-turn-completion-matches-dispatch", "map-broadcast-has-receivers"),
    )
)
"""Codes of what is not there: they may be wrong where an event could not be understood."""
_LEAST_OF_A_RUN = 3
_ENDED_BADLY = frozenset({"failed", "cancelled", "aborted", "rejected"})


def run_findings(events: Numbered) -> list[Finding]:
    """What is wrong with the runs and sessions of a timeline; pointers start with the event's position."""
    runs: dict[_Key, list[tuple[int, EventFacts]]] = {}
    for index, event in events:
        if event.profile is not None and event.run is not None:
            runs.setdefault((event.profile, event.run), []).append((index, event))
    lost = {key for key in runs if _is_lost(key, runs)}
    found = [_lost(key, runs) for key in sorted(lost)]
    for (profile, run), members in runs.items():
        if (profile, run) in lost:
            continue
        inside = [*_out_of_turn(profile, members), *_missing(profile, members)]
        inside += _steps(members) if profile == "sa" else _session(members)
        found += [finding for finding in inside if not lost or finding.code not in ABOUT_ABSENCE]
    return found


def _is_lost(key: _Key, runs: _Runs) -> bool:
    """Whether a lone event names a run of its own, though it begins none and others are there."""
    profile, _ = key
    if len(runs[key]) > 1 or runs[key][0][1].type in _FIRST_AND_LAST[profile][:1]:
        return False
    return any(other[0] == profile and len(members) >= _LEAST_OF_A_RUN for other, members in runs.items())


def _lost(key: _Key, runs: _Runs) -> Finding:
    profile, run = key
    member = "sa_id" if profile == "sa" else "session_id"
    others = [other for other in runs if other[0] == profile and len(runs[other]) >= _LEAST_OF_A_RUN]
    data: dict[str, object] = {"suggestion": others[0][1]} if len(others) == 1 else {}
    message = f"No other event of this timeline has the `{member}` {quoted(run)}."
    if data:
        message += f" Did you mean {quoted(others[0][1])}?"
    place = Place((runs[key][0][0], member))
    return Finding("profile-run-unlikely", message, Severity.WARNING, Stage.GRAPH, place, data=data)


def _rank(profile: Profile, event: EventFacts) -> int:
    return _RANKS[profile].get(event.type or "", _IN_THE_MIDDLE)


def _out_of_turn(profile: Profile, members: Numbered) -> Iterator[Finding]:
    """The fewest events without which the others come in turn, and what may come once and comes again."""
    ranks = [_rank(profile, event) for _, event in members]
    wrong = set(strays(ranks))
    for position, (index, event) in enumerate(members):
        rank, what = ranks[position], _WHAT[profile]
        first = ranks.index(rank)
        if first < position and rank != _IN_THE_MIDDLE:
            other, told = members[first], f"`{event.type}` comes twice in this {what}."
        elif position in wrong:
            earlier = next((place for place in range(position) if ranks[place] > rank), None)
            later = next((place for place in range(position, len(ranks)) if ranks[place] < rank), None)
            place = earlier if earlier is not None else later
            if place is None:
                continue
            other, side = members[place], "after" if earlier is not None else "before"
            told = f"`{event.type}` comes {side} `{other[1].type}`; a {what} has them the other way round."
        else:
            continue
        related = (Related(Place((other[0], "event_type")), f"`{other[1].type}` is here."),)
        yield _finding("profile-event-out-of-turn", told, index, related)


def _missing(profile: Profile, members: Numbered) -> Iterator[Finding]:
    """Events that the profile asks for: those whose turn is over, and at the end all of them."""
    first, last = _FIRST_AND_LAST[profile]
    there = {event.type for _, event in members}
    end = next(((index, event) for index, event in reversed(members) if event.type == last), None)
    wanted = [name for name in mplp_schemas.profiles()[profile].mandatory_events if name not in there]
    if end is not None:
        is_bad = end[1].status in _ENDED_BADLY
        gone = [name for name in wanted if name not in _ONLY_WITH_WORK and (not is_bad or name == first)]
        place = end[0]
    else:
        highest, place = max((_rank(profile, event), -index) for index, event in members)
        gone = [name for name in wanted if _RANKS[profile].get(name, highest) < highest]
        place = -place
    if gone:
        when = "has ended without" if end is not None else "got here without"
        told = f"This {_WHAT[profile]} {when} {listed(gone, joiner='and')}."
        yield _finding("profile-event-missing", told, place, data={"missing_events": gone})


def _steps(members: Numbered) -> Iterator[Finding]:
    """Steps that were started and, though the run is over, never ended; and ends of what never began."""
    open_steps: dict[tuple[str, ...], int] = {}
    begun: set[tuple[str, ...]] = set()
    strangers = 0
    is_over = False
    for index, event in members:
        is_over = is_over or event.type == "SACompleted"
        if event.subject is None:
            continue
        if event.type == "SAStepStarted":
            open_steps[event.subject] = index
            begun.add(event.subject)
        elif event.subject in begun:
            open_steps.pop(event.subject, None)
        else:
            strangers += 1
            told = f"`{event.type}` of a step that no `SAStepStarted` began."
            yield _finding("step-start-missing", told, index)
    # The end of one step under the id of another is one fault: it is told where that id stands.
    for index in list(open_steps.values())[strangers:] if is_over else ():
        told = "The run is over, but this step has neither `SAStepCompleted` nor `SAStepFailed`."
        yield _finding("step-end-missing", told, index)


def _session(members: Numbered) -> Iterator[Finding]:
    """The two frozen rules about sessions; what is still open counts only when the session is over."""
    is_over = any(event.type == "MAPSessionCompleted" for _, event in members)
    facts = [event for _, event in members]
    faults = unanswered_turns_of(facts)
    strangers = [fault for fault in faults if facts[fault.position].type == "MAPTurnCompleted"]
    unanswered = [fault for fault in faults if fault not in strangers] if is_over else []
    # The end of one turn under the role of another is one fault: it is told where that role stands.
    for fault in [*strangers, *unanswered[len(strangers) :]]:
        yield _invariant("map_turn_completion_matches_dispatch", members[fault.position], fault.reason)
    for fault in unheard_broadcasts_of(facts) if is_over else ():
        yield _invariant("map_broadcast_has_receivers", members[fault.position], fault.reason)


def _invariant(invariant_id: str, member: tuple[int, EventFacts], reason: str) -> Finding:
    invariant = next(each for each in mplp_schemas.invariants() if each.id == invariant_id)
    return Finding(
        invariant_id.replace("_", "-"),
        f"This event {reason}. {invariant.sentence}",
        Severity.ERROR,
        Stage.INVARIANT,
        Place((member[0], "event_type")),
        data={"invariant": invariant_id},
    )


def _finding(
    code: str,
    message: str,
    index: int,
    related: tuple[Related, ...] = (),
    data: Mapping[str, object] | None = None,
) -> Finding:
    place = Place((index, "event_type"))
    return Finding(code, message, Severity.WARNING, Stage.LIFECYCLE, place, related, data=data or {})
