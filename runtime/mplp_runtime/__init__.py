"""The MPLP runtime: rules, state, events, actions and the orchestrator. It works with no editor at all.

>>> import mplp_runtime
>>> mplp_runtime.Runtime
<class 'mplp_runtime.runtime.Runtime'>
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mplp_runtime.errors import MplpError, RunRefused

if TYPE_CHECKING:
    from mplp_runtime.loaded_plan import LoadedPlan
    from mplp_runtime.orchestrator.views import Answer, Question, RunView, StepView
    from mplp_runtime.runtime import Runtime
    from mplp_runtime.vsl.decorator import StoreDecorator
    from mplp_runtime.vsl.interface import GraphQuery, Reading, Transaction
    from mplp_runtime.vsl.memory import MemoryStore
    from mplp_runtime.vsl.operations import StoreOperations
    from mplp_runtime.vsl.sqlite import SqliteStore

__all__ = [
    "Answer",
    "GraphQuery",
    "LoadedPlan",
    "MemoryStore",
    "MplpError",
    "Question",
    "Reading",
    "RunRefused",
    "RunView",
    "Runtime",
    "SqliteStore",
    "StepView",
    "StoreDecorator",
    "StoreOperations",
    "Transaction",
]

_HOMES = {
    "Answer": "orchestrator.views",
    "GraphQuery": "vsl.interface",
    "LoadedPlan": "loaded_plan",
    "MemoryStore": "vsl.memory",
    "Question": "orchestrator.views",
    "Reading": "vsl.interface",
    "RunView": "orchestrator.views",
    "Runtime": "runtime",
    "SqliteStore": "vsl.sqlite",
    "StepView": "orchestrator.views",
    "StoreDecorator": "vsl.decorator",
    "StoreOperations": "vsl.operations",
    "Transaction": "vsl.interface",
}


def __getattr__(name: str) -> object:
    """Imports what is asked for: the editor's server starts without the engine."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
