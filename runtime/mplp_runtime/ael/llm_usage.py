"""Tokens of a language model and what they cost, as one event of the family cost_budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mplp_runtime.ael.action import Action, EventMaker
from mplp_runtime.events.families import event_core

_TOKENS_PER_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens sent and received, over all the requests of one call."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def plus(self, told: Any) -> Usage:
        """This and what an endpoint tells of one request; what is no number counts as none."""
        return Usage(
            self.prompt_tokens + _count(getattr(told, "prompt_tokens", None)),
            self.completion_tokens + _count(getattr(told, "completion_tokens", None)),
        )


def usage_event(action: Action, usage: Usage) -> EventMaker:
    """The event `llm_cost_recorded`; it names a cost where mplp.toml names prices."""
    settings = action.settings
    payload: dict[str, Any] = {
        "step_id": action.step_id,
        "attempt": action.attempt,
        "model": settings["model"],
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
    prices = settings.get("input_price"), settings.get("output_price")
    if prices != (None, None):
        cost = usage.prompt_tokens * (prices[0] or 0) + usage.completion_tokens * (prices[1] or 0)
        payload["cost"] = round(cost / _TOKENS_PER_PRICE, 9)
        payload["currency"] = settings.get("currency", "USD")
    project_id = action.plan.get("context_id")
    return lambda stamper: event_core(
        stamper, "llm_cost_recorded", "cost_budget", project_id=project_id, payload=payload
    )


def _count(told: object) -> int:
    return told if isinstance(told, int) and told >= 0 else 0
