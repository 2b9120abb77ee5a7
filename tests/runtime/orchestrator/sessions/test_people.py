"""Which actions a session may use: only those that an approval of the plan covers."""

from __future__ import annotations

import pytest

from mplp_runtime.orchestrator.bindings import resolved_bindings
from mplp_runtime.orchestrator.sessions.people import cast_with_bindings
from mplp_runtime.orchestrator.sessions.session import Participant, Session
from mplp_runtime.settings import load_settings
from tests.runtime.orchestrator.projects import plan, role, step, step_id, table


@pytest.mark.parametrize("has_own_action", [False, True])
def test_a_reviewer_uses_only_an_action_that_the_approval_covers(has_own_action: bool) -> None:
    people = tuple(Participant(name, name, "agent", name, name) for name in ("writer", "editor"))
    toml = role("writer", "print(1)") + role("editor", "print(2)")
    if has_own_action:
        toml += table(f"steps.{step_id('look')}", action="tool_call", command=["true"])
    settings = load_settings(toml)
    value = plan(step("draft", role="writer"), step("look", role="editor"))
    session = Session("c", "Team", "pair", people, "vote")
    order = [each["step_id"] for each in value["steps"]]
    _, cast = cast_with_bindings(session, value, order, settings, simulate=False)
    assert ("role editor" in resolved_bindings(value, settings)) == ("editor" in cast.bound_roles)
    assert ("editor" in cast.bound_roles) == (not has_own_action)
