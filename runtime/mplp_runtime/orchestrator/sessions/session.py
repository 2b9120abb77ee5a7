"""Who works together on a run, and how: the part of a Collab document that a run is begun with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

MODES = ("broadcast", "round_robin", "orchestrated", "swarm", "pair")
"""The five words of the Collab schema."""

TURN_MODES = frozenset({"round_robin", "orchestrated", "pair"})
"""Ways to work together in which one participant at a time may change anything: whoever has the token."""

Strategy = str
"""How two participants who wrote differently are reconciled: one of `settings.table.CONFLICTS`."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One who takes part. `name` is what people see, `role` the word that plans and mplp.toml know.

    `role_name` is the name of the Role document that `role_id` is the id of, where there is one.
    """

    participant_id: str
    role_id: str
    kind: str
    name: str
    role: str
    role_name: str | None = None

    @property
    def is_human(self) -> bool:
        return self.kind == "human"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as a run is begun with it; the Collab may change afterwards, and the run does not (D20).

    `leader` is the position of the participant who hands out turns or asks all others.
    """

    collab_id: str
    title: str
    mode: str
    participants: tuple[Participant, ...]
    conflicts: Strategy
    leader: int = 0

    @property
    def has_token(self) -> bool:
        """Whether one participant at a time has the right to change anything."""
        return self.mode in TURN_MODES

    def record(self) -> dict[str, Any]:
        """The form in which it is stored with a run; `of` reads it."""
        return {**asdict(self), "participants": [asdict(each) for each in self.participants]}

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Session:
        """The session of a stored run.

        >>> ana = Participant("ana", "editor", "human", "Ana", "editor")
        >>> session = Session("c", "Review", "pair", (ana,), "vote")
        >>> Session.of(session.record()) == session
        True
        """
        return cls(
            collab_id=record["collab_id"],
            title=record["title"],
            mode=record["mode"],
            participants=tuple(Participant(**each) for each in record["participants"]),
            conflicts=record["conflicts"],
            leader=record["leader"],
        )


@dataclass(frozen=True, slots=True)
class Cast:
    """Who does which step: positions among the participants by step id, the likeliest first.

    Of a swarm any of them may do it; elsewhere the first does, and in a pair the second reviews. `unmatched`
    are the roles that no participant has, which were given away by order. `receivers` are those to whom a
    step may be handed over, by the role that mplp.toml names.
    """

    assigned: Mapping[str, tuple[int, ...]]
    unmatched: tuple[str, ...] = ()
    receivers: Mapping[str, int] = field(default_factory=dict)
    bound_roles: tuple[str, ...] = ()
    """Roles whose action is needed although no step has them: of receivers and of reviewers."""
