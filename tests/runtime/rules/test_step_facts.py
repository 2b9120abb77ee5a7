"""The facts of many steps at once are those of each by itself."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from mplp_runtime.rules.facts import many_step_facts, step_facts

_ODD = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.floats(-2, 2), st.just("x"), st.just([]))
_PLAIN = st.fixed_dictionaries(
    {
        "step_id": st.text(max_size=2),
        "dependencies": st.lists(st.text(max_size=2), max_size=3),
        "status": st.just("pending"),
        "agent_role": st.just("tester"),
        "order_index": st.integers(-2, 2),
    }
)
_MEMBERS = st.sampled_from(["step_id", "dependencies", "status", "agent_role", "order_index"])


@given(st.lists(_PLAIN, max_size=5), st.lists(st.tuples(_MEMBERS, _ODD), max_size=2), st.integers(0, 4))
def test_whatever_one_of_them_is(
    steps: list[dict[str, object]], odd: list[tuple[str, object]], at: int
) -> None:
    for member, value in odd:
        if at < len(steps):
            steps[at][member] = [value] if member == "dependencies" and value != "x" else value
    assert many_step_facts(steps) == tuple(map(step_facts, steps))


def test_and_whether_it_is_a_step_at_all() -> None:
    whole = {"step_id": "a", "dependencies": [], "status": "b", "agent_role": "c", "order_index": 1}
    without = {"step_id": "a"}
    for odd in (without, None, 5, "text", [whole], OrderedDict(whole), {**whole, "dependencies": 7}):
        steps = [whole, odd, whole]
        assert many_step_facts(steps) == tuple(map(step_facts, steps))
    assert many_step_facts([]) == ()
