"""Every event of a session, in the order of the multi-agent profile, beside those of the single-agent one.

The profile's events are closed and say `session_id`; the collab module's own events (stages, executions) and
the twin of each dispatch that seed 1, 5.2 shows go with them. Each is checked when it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mplp_runtime.errors import EventRejected
from mplp_runtime.events.families import (
    Event,
    ExecutorKind,
    Stamper,
    event_core,
    map_event,
    pipeline_stage,
    runtime_execution,
)
from mplp_runtime.events.validate import event_errors
from mplp_runtime.orchestrator.sessions.session import Cast, Session
from mplp_runtime.vsl.ready import ReadyEvent
from mplp_runtime.vsl.values import compact

Record = Mapping[str, Any]

STAGE = "session"
"""`stage_id` of the session's own stages; the plan's stage is `plan`, a step's is its id."""

_EXECUTOR: Mapping[str, ExecutorKind] = {
    "agent": "agent",
    "human": "external",
    "system": "worker",
    "external": "external",
}
_TOLD_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """Makes the events of one run's session. `run` is the run's record when the session began."""

    stamper: Stamper
    session: Session
    run: Record

    def started(self, cast: Cast, steps: Mapping[str, Record]) -> list[ReadyEvent]:
        """MAPSessionStarted and MAPRolesAssigned, with who is to do which step."""
        session = self.session
        people = [
            {"participant_id": each.participant_id, "role_id": each.role_id, "kind": each.kind}
            for each in session.participants
        ]
        roles: dict[str, list[str]] = {}
        for step_id, places in cast.assigned.items():
            named = roles.setdefault(str(steps[step_id].get("agent_role") or ""), [])
            who = places if session.mode in {"swarm", "pair"} else places[:1]
            named += [
                name for place in who if (name := session.participants[place].participant_id) not in named
            ]
        started = {
            "mode": session.mode,
            "title": session.title,
            "participant_count": len(people),
            "plan_id": self.run["plan_id"],
            "run_id": self.run["run_id"],
            "simulated": self.run["simulated"],
        }
        assigned: dict[str, Any] = {"participants": people, "roles": roles}
        if cast.unmatched:
            assigned["unmatched_roles"] = list(cast.unmatched)
        return [
            self._map("MAPSessionStarted", started),
            self.stage("session_started", "in_progress"),
            self._map("MAPRolesAssigned", assigned, targets=[each["role_id"] for each in people]),
        ]

    def ended(self, status: str, turns: Sequence[Record]) -> list[ReadyEvent]:
        """MAPSessionCompleted, however the run ended; `turns` are all that were given."""
        waves = {turn["wave"] for turn in turns if turn.get("opens")}
        word = {"completed": "session_completed", "failed": "session_failed"}.get(status, "session_cancelled")
        now = self.stamper.clock()
        payload = {
            "status": status,
            "turns_total": len(turns),
            "broadcasts": len(waves),
            "duration_ms": round(
                (now - datetime.fromisoformat(self.run["started_at"])).total_seconds() * 1000
            ),
        }
        return [self.stage(word, status), self._map("MAPSessionCompleted", payload)]

    def stage(self, word: str, status: str) -> ReadyEvent:
        """`pipeline_stage` of the collab module: the session begins, waits, goes on or is over."""
        return checked(
            pipeline_stage(
                self.stamper,
                word,
                pipeline_id=self.run["plan_id"],
                stage_id=STAGE,
                stage_name=self.session.title,
                status=status,
                project_id=self.run["context_id"],
                payload={"session_id": self.session.collab_id, "run_id": self.run["run_id"]},
            )
        )

    def dispatched(self, step_id: str, turn: Record) -> list[ReadyEvent]:
        """MAPTurnDispatched and its twins; for the first turn of a broadcast the broadcast before it."""
        session, who = self.session, self.session.participants[turn["participant"]]
        leader = session.participants[session.leader]
        told = self._turn(step_id, turn)
        events = []
        if turn.get("opens"):
            count = len(turn["wave_steps"])
            targets = [session.participants[place].role_id for place in turn["targets"]]
            message = f"Wave {turn['wave']}: {count} step{'s' if count > 1 else ''}"
            sent = {"broadcaster_role_id": leader.role_id, "target_count": count, "message": message}
            events.append(
                self._map("MAPBroadcastSent", {**sent, "wave": turn["wave"]}, leader.role_id, targets)
            )
        initiator = None if session.mode in {"round_robin", "swarm"} else leader.role_id
        events.append(self._map("MAPTurnDispatched", told, initiator, [who.role_id]))
        twin = {name: told[name] for name in ("turn_id", "participant_id", "step_id")}
        events.append(
            checked(
                event_core(
                    self.stamper,
                    "map_turn_dispatched",
                    "external_integration",
                    project_id=self.run["context_id"],
                    source="runtime.orchestrator",
                    session_id=session.collab_id,
                    payload=twin,
                    **twin,
                )
            )
        )
        events.append(self._execution("turn_dispatched", turn, "running", step_id))
        return events

    def completed(
        self, step_id: str, turn: Record, status: str, *, output: str = "", error: str | None = None
    ) -> list[ReadyEvent]:
        """MAPTurnCompleted and its twins. `status` is a word of executions, or of a review."""
        who = self.session.participants[turn["participant"]]
        result: dict[str, Any] = {"output": output[-_TOLD_CHARACTERS:]}
        if error is not None:
            result["error"] = error
        execution = {"approved": "completed", "changes_requested": "completed"}.get(status, status)
        payload = {**self._turn(step_id, turn), "status": status, "result": result}
        events = [
            self._execution("turn_completed", turn, execution, step_id),
            self._map("MAPTurnCompleted", payload, who.role_id),
        ]
        if self.session.mode == "broadcast" and turn["duty"] == "do":
            received = {"receiver_role_id": who.role_id, "response": {"status": status, **result}}
            told = {**received, "participant_id": who.participant_id, "wave": turn["wave"]}
            events.append(self._map("MAPBroadcastReceived", told, who.role_id))
        return events

    def conflict_detected(self, conflict_id: str, payload: Mapping[str, Any]) -> ReadyEvent:
        """Two participants wrote the same differently; `payload` says what, and who wrote which."""
        return self._map("MAPConflictDetected", {"conflict_id": conflict_id, **payload})

    def conflict_resolved(self, conflict_id: str, payload: Mapping[str, Any]) -> ReadyEvent:
        """What holds now, and by which strategy."""
        return self._map("MAPConflictResolved", {"conflict_id": conflict_id, **payload})

    def _turn(self, step_id: str, turn: Record) -> dict[str, Any]:
        who = self.session.participants[turn["participant"]]
        told = {
            "role_id": who.role_id,
            "turn_number": turn["turn"],
            "turn_id": turn["turn_id"],
            "participant_id": who.participant_id,
            "step_id": step_id,
            "duty": turn["duty"],
        }
        if turn.get("token_id"):
            told["token_id"] = turn["token_id"]
        return told

    def _execution(self, word: str, turn: Record, status: str, step_id: str) -> ReadyEvent:
        who = self.session.participants[turn["participant"]]
        return checked(
            runtime_execution(
                self.stamper,
                word,
                execution_id=turn["turn_id"],
                executor_kind=_EXECUTOR[who.kind],
                executor_role=who.role,
                status=status,
                project_id=self.run["context_id"],
                payload={
                    "step_id": step_id,
                    "participant_id": who.participant_id,
                    "turn_number": turn["turn"],
                },
            )
        )

    def _map(
        self,
        word: str,
        payload: Mapping[str, Any],
        initiator: str | None = None,
        targets: list[str] | None = None,
    ) -> ReadyEvent:
        return checked(
            map_event(
                self.stamper,
                word,
                session_id=self.session.collab_id,
                initiator_role=initiator,
                target_roles=targets,
                payload=payload,
            )
        )


def checked(event: Event) -> ReadyEvent:
    """A valid event as text with a gap for its Lamport time, which profile events keep in their payload.

    Raises EventRejected. An event of a profile must have a payload with a member.
    """
    errors = event_errors(event)
    if errors:
        raise EventRejected(f"Event {event['event_type']!r} is not valid: {'; '.join(errors)}.")
    is_of_profile = "event_family" not in event
    # The payload stands last, so that what is open behind its members are two braces.
    payload = event.pop("payload", {})
    text = compact({**event, "payload": payload} if is_of_profile or payload else event)
    closing = "}}" if is_of_profile else "}"
    return ReadyEvent(f'{text[: -len(closing)]},"lamport_timestamp":', closing)


def turns_of(attempts: Sequence[Record]) -> Iterator[Record]:
    """All turns of some attempts, in their order."""
    for attempt in attempts:
        yield from attempt.get("turns", ())
