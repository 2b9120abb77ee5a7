"""The two ways in which this process becomes the owner of a run: it starts one, or takes one up again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mplp_runtime.drift.dependence import EXPECTS, expectations, relied_on
from mplp_runtime.drift.looks import Drifted
from mplp_runtime.drift.own_writes import take_over
from mplp_runtime.errors import RunInProgress, RunLeftOpen, RunRefused
from mplp_runtime.learning.occasions import tell_of_plan
from mplp_runtime.orchestrator import records
from mplp_runtime.orchestrator.admission import Admitted, StartRequest
from mplp_runtime.orchestrator.chronicle import Chronicle
from mplp_runtime.orchestrator.record_shapes import runs_of_plan, sound_claim
from mplp_runtime.orchestrator.records import Record
from mplp_runtime.orchestrator.state import load_state, step_positions
from mplp_runtime.orchestrator.surroundings import documents_around
from mplp_runtime.psg.document_nodes import put_document
from mplp_runtime.sources import timestamp
from mplp_runtime.version import runtime_version
from mplp_runtime.vsl.interface import Reading, Transaction

if TYPE_CHECKING:
    from mplp_runtime.runtime import Runtime


class OwnerGone(Exception):
    """Somebody ran the plan and is gone, and his run has to be settled first."""


async def begin_run(
    runtime: Runtime, instance: str, request: StartRequest, plan: Admitted, confirm_id: str | None
) -> Record:
    """Records a new run, its frozen plan and its first events; this process owns it once this returns.

    Raises RunInProgress where somebody runs the plan already, RunLeftOpen, and OwnerGone.
    """
    value = plan.plan
    run = _fresh_run(runtime, request, plan, confirm_id)
    observed: list[Drifted] = []
    if not request.simulate:
        observed = await asyncio.to_thread(relied_on, runtime.root, request.world, value["context_id"])
        run[EXPECTS] = expectations(observed)
    around = await asyncio.to_thread(
        documents_around, runtime.root, request.world, value, plan.context, plan.session
    )
    # As text alone, from which it is read again: a large plan need not lie there twice.
    frozen = {
        "text": request.plan_text,
        "bindings": plan.bindings,
        "gates": list(plan.gates),
    }
    if plan.session is not None:
        frozen["assigned"] = {step_id: list(places) for step_id, places in plan.cast.assigned.items()}
    if request.carried:
        frozen["carried"] = dict(request.carried)
    generation = records.generation_key(value["plan_id"])

    def work(transaction: Transaction) -> Record:
        _refuse_if_claimed(transaction, run["owner_key"], runtime)
        # In here, because whoever settles the run of an owner that is gone may do so at any moment before.
        refuse_if_left_open(transaction, value["plan_id"], request)
        if request.continues is not None:
            refuse_if_continued(transaction, request.continues)
        begun = {**run, "generation": (transaction.get(generation) or 0) + 1}
        transaction.set(generation, begun["generation"])
        claim = records.own_claim(run["run_id"], instance, run["started_at"])
        transaction.set(run["owner_key"], claim)
        transaction.set(records.files_key(run["run_id"]), claim)
        transaction.create_node(records.RUN, run["run_id"], begun)
        transaction.create_node(records.RUN_PLAN, run["run_id"], frozen)
        # What happened to them before is no drift of this run.
        take_over(
            transaction,
            runtime.vsl,
            runtime.bus,
            runtime.graph,
            runtime.root,
            observed,
            source="run",
            only_known=True,
        )
        for kind, document in around:
            put_document(runtime.graph, transaction, kind, document)
        if plan.settings.learning.collect:
            tell_of_plan(transaction, runtime.bus, value, is_first_run=begun["generation"] == 1)
        chronicle = _chronicle(runtime, begun, value)
        chronicle.run_started(transaction, list(plan.order), runtime_version())
        if plan.session is not None:
            chronicle.session_started(transaction, plan.cast)
        if request.continues is not None:
            _carry_over(transaction, request.continues, begun, chronicle)
        # Steps that are skipped have been added to it.
        return records.read_run(transaction, run["run_id"]) or begun

    return await runtime.vsl.transact(work)


def _carry_over(transaction: Transaction, earlier: str, begun: Record, chronicle: Chronicle) -> None:
    """What done steps returned is read under the new run's keys; steps that a person skips are told of."""
    positions: Mapping[str, int] | None = None
    for step_id in [step["step_id"] for step in chronicle.plan["steps"] if step["status"] == "completed"]:
        output = transaction.get(records.output_key(earlier, step_id))
        if output is None:
            # The plan may have been changed between the two runs.
            if positions is None:
                positions = step_positions(transaction, earlier)
            attempts = records.read_attempts(transaction, earlier, step_id, positions.get(step_id))
            if attempts and records.is_output_in_tail(attempts[-1]):
                output = attempts[-1]["tail"]
        if output is not None:
            transaction.set(records.output_key(begun["run_id"], step_id), output)
    chronicle.steps_skipped(transaction, begun.get("skipped", {}))


async def take_over_run(runtime: Runtime, instance: str, run_id: str) -> None:
    """An interrupted run becomes a running one of this process.

    Raises RunInProgress where another process was quicker, or runs the plan anew, RunRefused where the run is
    over by now, and OwnerGone.
    """

    def work(transaction: Transaction) -> None:
        state = load_state(transaction, run_id)
        if state is not None:
            # Also if it was cancelled by whoever was quicker.
            refuse_if_over(state.run["status"])
        if state is None or state.run["status"] != "interrupted":
            raise RunInProgress("The run was taken up by another process a moment ago.")
        _refuse_if_claimed(transaction, state.run["owner_key"], runtime)
        # What was asked of the owner before: a late `cancel` must not end what is taken up now.
        for node in transaction.nodes(records.RUN_REQUEST):
            if node.data["run_id"] == run_id:
                transaction.delete_node(records.RUN_REQUEST, node.id)
        since = timestamp(runtime.clock())
        claim = records.own_claim(run_id, instance, since)
        transaction.set(state.run["owner_key"], claim)
        transaction.set(records.files_key(run_id), claim)
        chronicle = _chronicle(runtime, state.run, state.plan)
        chronicle.run_resumed(transaction, {each: state.status_of(each) for each in state.steps})
        if state.run.get("paused"):
            # Whoever goes on with it has it go on, also where it was paused before.
            chronicle.run_paused(transaction, paused=False)
        records.change_run(transaction, run_id, status="running", error=None, questions={}, paused=False)

    await runtime.vsl.transact(work)


def refuse_if_over(status: str) -> None:
    """Raises RunRefused where a run has ended: nothing goes on then."""
    if status in records.FINAL_STATUSES:
        raise RunRefused(f"The run is {status}, and that is final. Run the plan again instead.")


def refuse_if_left_open(reading: Reading, plan_id: str, request: StartRequest) -> None:
    """Raises RunLeftOpen where an interrupted run of the plan waits for a person's decision."""
    if request.simulate or request.anew:
        return
    for run in runs_of_plan(reading, plan_id):
        if run["status"] == "interrupted" and not run["simulated"]:
            raise RunLeftOpen(
                f"Run {run['run_id'][:8]} of this plan was interrupted. "
                "Resume it, or give it up, before the plan is run again."
            )


def refuse_if_continued(reading: Reading, run_id: str) -> None:
    """Raises RunRefused where nothing may go on from a run any more: it is rolled back, or not the newest.

    Dry runs do not count: they have done nothing.
    """
    run = records.read_run(reading, run_id) or {}
    rolled_back = run.get("rolled_back") or {}
    if before := rolled_back.get("snapshot_before"):
        raise RunRefused(
            "Restoring a snapshot took back what the run did, so there is nothing to go on from. Run the "
            f"plan again, or restore snapshot {before[:8]}, which holds how it was before that."
        )
    if rolled_back:
        raise RunRefused(
            "The run was rolled back, so there is nothing to go on from. Run the plan again instead."
        )
    of_plan = runs_of_plan(reading, str(run.get("plan_id")))
    newest = max((int(each["generation"]) for each in of_plan if not each["simulated"]), default=0)
    if newest > int(run.get("generation", 0)):
        raise RunRefused(f"Run {newest} of the plan is newer; decide about that one.")


def held(claim: Mapping[str, Any]) -> RunInProgress:
    """The refusal that says who runs the plan."""
    return RunInProgress(
        f"This plan is being run by process {claim['pid']} since {claim['since']}. "
        "Wait for that run, or cancel it."
    )


def _refuse_if_claimed(transaction: Transaction, key: str, runtime: Runtime) -> None:
    claim = sound_claim(transaction, key)
    if claim is None:
        return
    if records.is_claim_alive(claim, runtime.clock()):
        raise held(claim)
    # Overwriting the row would leave a run that says it is live and that nobody finds.
    raise OwnerGone


def _fresh_run(runtime: Runtime, request: StartRequest, plan: Admitted, confirm_id: str | None) -> Record:
    value, new_id = plan.plan, runtime.new_id
    run_id = new_id()
    run = {
        "run_id": run_id,
        "plan_id": value["plan_id"],
        "context_id": value["context_id"],
        "plan_path": _relative(request.plan_path, runtime.root),
        "title": value["title"],
        "status": "running",
        "trace_id": new_id(),
        "span_id": new_id(),
        "sa_id": new_id(),
        "simulated": request.simulate,
        "unsaved": request.unsaved,
        "started_at": timestamp(runtime.clock()),
        "owner_key": records.owner_key(value["plan_id"], run_id, simulated=request.simulate),
        "max_parallel": plan.settings.run.max_parallel,
        "on_failure": plan.settings.run.on_failure,
        "snapshot_before": [] if request.simulate else list(plan.settings.drift.snapshot_before),
        "ci_blocks_completion": plan.settings.gates.ci_blocks_completion and not request.simulate,
        "tool_failure_blocks": [] if request.simulate else list(plan.settings.gates.tool_failure_blocks),
        "confirm_id": confirm_id,
        "questions": {},
    }
    if plan.session is not None:
        run["session"] = {**plan.session.record(), "receivers": dict(plan.cast.receivers)}
        run["session"]["unmatched"] = list(plan.cast.unmatched)
    if request.continues is not None:
        run |= {"continues": request.continues, "skipped": dict(request.skipped or {})}
    return run


def _chronicle(runtime: Runtime, run: Record, plan: Mapping[str, Any]) -> Chronicle:
    positions = {step["step_id"]: position for position, step in enumerate(plan["steps"])}
    return Chronicle(runtime.bus, runtime.graph, run, plan, positions)


def _relative(path: Path, root: Path) -> str:
    absolute = path if path.is_absolute() else Path.cwd() / path
    for base in (root, root.resolve()):
        for candidate in (absolute, absolute.resolve()):
            if candidate.is_relative_to(base):
                return candidate.relative_to(base).as_posix()
    return absolute.as_posix()
