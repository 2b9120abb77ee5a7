"""Which Collab a plan runs with, and whether a session can begin with it; every refusal is one sentence.

No schema links a plan to a Collab, but both name their Context. So a plan runs with the one active Collab of
its Context, unless `[collab] session` in mplp.toml names another, or `none`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mplp_runtime.errors import RunRefused
from mplp_runtime.orchestrator.sessions.casting import leader_of, with_role_word
from mplp_runtime.orchestrator.sessions.session import MODES, Participant, Session
from mplp_runtime.rules.advice import MODES_OF_SEVERAL
from mplp_runtime.rules.explain import is_id
from mplp_runtime.rules.world import DocumentFacts, EntryFacts, World
from mplp_runtime.settings import Settings

AUTO = "auto"
NONE = "none"
_CONTEXT = ("context_id",)
_WITHOUT = 'or run the plan without it: session = "none" under [collab] in mplp.toml.'


class CollabUnusable(RunRefused):
    """The plan is to run with a collaboration, and that cannot begin."""

    code = "collab"


def session_for(plan: Mapping[str, Any], world: World, settings: Settings) -> Session | None:
    """The session that a plan runs with; None where it runs as a single agent. Raises CollabUnusable."""
    collab = _collab_for(plan["context_id"], world, settings.collab.session)
    if collab is None:
        return None
    participants = _participants(collab, plan, world)
    mode = str(collab.extra.get("mode"))
    session = Session(
        collab_id=str(collab.id),
        title=collab.title or str(collab.id),
        mode=mode,
        participants=participants,
        conflicts=settings.collab.conflicts,
        leader=leader_of(mode, participants),
    )
    _refuse_too_few(session)
    return session


def _collab_for(context_id: str, world: World, wanted: str) -> DocumentFacts | None:
    if wanted == NONE:
        return None
    if wanted != AUTO:
        return _named(context_id, world, wanted)
    of_context = [each for each in world.documents("collab") if _context_of(each) == context_id]
    active = [each for each in of_context if each.status == "active"]
    if len(active) > 1:
        names = ", ".join(f"“{each.title or each.id}”" for each in active)
        raise CollabUnusable(
            f"The plan's context has {len(active)} active collaborations: {names}. Say in mplp.toml which "
            f'one the plan runs with: session = "{active[0].id}" under [collab].'
        )
    suspended = next((each for each in of_context if each.status == "suspended"), None)
    if not active and suspended is not None:
        raise CollabUnusable(
            f"The collaboration “{suspended.title or suspended.id}” of the plan's context is suspended. "
            f"Set its status to `active`, {_WITHOUT}"
        )
    return active[0] if active else None


def _named(context_id: str, world: World, wanted: str) -> DocumentFacts:
    found = world.declarations("collab", wanted)
    if not found:
        raise CollabUnusable(
            f"mplp.toml says that plans run with the Collab {wanted}, which is in no document of this "
            "project. Mend `session` under [collab] there."
        )
    collab = found[0]
    name = f"“{collab.title or collab.id}”"
    if _context_of(collab) != context_id:
        raise CollabUnusable(
            f"The collaboration {name} belongs to another context than the plan. Name one of the plan's own "
            f"context under [collab] in mplp.toml, {_WITHOUT}"
        )
    if collab.status != "active":
        raise CollabUnusable(
            f"The collaboration {name} is {collab.status}; a run needs it to be `active`. Change its status, "
            f"{_WITHOUT}"
        )
    return collab


def _context_of(collab: DocumentFacts) -> str | None:
    return next((each.id for each in collab.references if each.pointer == _CONTEXT), None)


def _participants(collab: DocumentFacts, plan: Mapping[str, Any], world: World) -> tuple[Participant, ...]:
    name = f"“{collab.title or collab.id}”"
    if collab.id is None or not is_id(collab.id) or collab.extra.get("mode") not in MODES:
        raise CollabUnusable(f"The Collab {name} has errors in its `collab_id` or `mode`; mend them first.")
    entries = collab.entries.get("participants", ())
    words = list(dict.fromkeys(str(step["agent_role"]) for step in plan["steps"] if step.get("agent_role")))
    found: dict[str, Participant] = {}
    for number, entry in enumerate(entries, 1):
        made = _participant(entry, words, world)
        if made is None or made.participant_id in found:
            what = "a `participant_id` of its own, a `kind` and a `role_id`"
            raise CollabUnusable(f"Participant {number} of the collaboration {name} needs {what}.")
        found[made.participant_id] = made
    return tuple(found.values())


def _participant(entry: EntryFacts, words: Iterable[str], world: World) -> Participant | None:
    if not entry.id or not entry.role or entry.lacks_role or entry.kind is None:
        return None
    role_names = [each.title for each in world.declarations("role", entry.role) if each.title]
    return with_role_word(
        Participant(
            participant_id=entry.id,
            role_id=entry.role,
            kind=entry.kind,
            name=entry.label or entry.id,
            role=entry.role,
            role_name=role_names[0] if role_names else None,
        ),
        words,
    )


def _refuse_too_few(session: Session) -> None:
    count = len(session.participants)
    told = "no participants" if count == 0 else "one participant" if count == 1 else f"{count} participants"
    name = f"The collaboration “{session.title}” has {told}"
    if session.mode == "pair" and count != 2:
        raise CollabUnusable(f"{name}, and a pair is two. Give it two participants, {_WITHOUT}")
    if count < (2 if session.mode in MODES_OF_SEVERAL else 1):
        raise CollabUnusable(
            f"{name}, and `{session.mode}` needs at least two. Add whoever else takes part, {_WITHOUT}"
        )
