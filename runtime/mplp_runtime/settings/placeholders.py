"""What `{step.description}` and its kin stand for in texts of mplp.toml; other braces mean themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{((?:step|plan|inputs)(?:\.[A-Za-z0-9_-]+)?)\}")
STEP_MEMBERS = ("step_id", "description", "agent_role", "order_index", "dependencies", "status")
PLAN_MEMBERS = ("plan_id", "context_id", "title", "objective", "status")
KNOWN = (
    "step",
    *(f"step.{name}" for name in STEP_MEMBERS),
    "plan",
    *(f"plan.{name}" for name in PLAN_MEMBERS),
    "inputs",
)
"""Every placeholder but `inputs.<step_id>`, without its braces."""


def unknown_placeholders(text: str) -> Iterator[str]:
    """The placeholders of a text that stand for nothing, without their braces.

    >>> list(unknown_placeholders('{"a": "{step.descripton}", "b": "{inputs}"}'))
    ['step.descripton']
    """
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in KNOWN and not match[1].startswith("inputs."):
            yield match[1]


def unknown_placeholders_in(value: object) -> Iterator[str]:
    """The same for every text inside a value made of tables and lists."""
    if isinstance(value, str):
        yield from unknown_placeholders(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from unknown_placeholders_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from unknown_placeholders_in(each)


def filled(text: str, step: Mapping[str, Any], plan: Mapping[str, Any], inputs: Mapping[str, Any]) -> str:
    """The text with each placeholder replaced once: what is put in is never looked at for placeholders.

    `{inputs}` is what all dependencies returned, in their order, with an empty line between them. What is no
    text is put in as JSON; what the step or the plan does not have, as nothing.

    >>> filled("Write: {step.description}", {"description": "a {plan.title}"}, {"title": "Plan"}, {})
    'Write: a {plan.title}'
    """

    def value(match: re.Match[str]) -> str:
        about, _, name = match[1].partition(".")
        if about == "inputs":
            return _text(inputs.get(name)) if name else "\n\n".join(_text(each) for each in inputs.values())
        owner = step if about == "step" else plan
        return _text(owner.get(name) if name else owner)

    return _PLACEHOLDER.sub(value, text)


def filled_value(
    value: Any, step: Mapping[str, Any], plan: Mapping[str, Any], inputs: Mapping[str, Any]
) -> Any:
    """The same for every text inside a value made of tables and lists.

    A text that is one placeholder and nothing else becomes the value itself, with its type: `"{inputs.a}"`
    may become a table.
    """
    if isinstance(value, str):
        if (match := _PLACEHOLDER.fullmatch(value)) is not None:
            return _whole(match[1], step, plan, inputs)
        return filled(value, step, plan, inputs)
    if isinstance(value, Mapping):
        return {name: filled_value(each, step, plan, inputs) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [filled_value(each, step, plan, inputs) for each in value]
    return value


def _whole(name: str, step: Mapping[str, Any], plan: Mapping[str, Any], inputs: Mapping[str, Any]) -> Any:
    about, _, member = name.partition(".")
    owner = {"step": step, "plan": plan, "inputs": inputs}[about]
    return owner.get(member) if member else dict(owner)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
