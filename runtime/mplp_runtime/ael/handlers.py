"""Python functions that do steps: those registered in code, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from mplp_runtime.errors import MplpError

ENTRY_POINT_GROUP = "mplp_lsp.actions"

Handler = Callable[[Mapping[str, Any]], Any]
"""Takes one mapping about the step (see `custom_action`) and returns its output; may be async."""


class HandlerUnknown(MplpError):
    """An action names a function that is not there."""


class Handlers:
    """Finds a handler by name: one registered in code first, then an entry point, then `module:function`.

    >>> handlers = Handlers({"greet": lambda request: "hello"})
    >>> handlers.named("greet")({})
    'hello'
    """

    def __init__(self, registered: Mapping[str, Handler] | None = None) -> None:
        self._registered = dict(registered or {})

    def register(self, name: str, handler: Handler) -> None:
        """Makes a function known under a name; a later one with the same name takes its place."""
        self._registered[name] = handler

    def names(self) -> frozenset[str]:
        """The names registered in code."""
        return frozenset(self._registered)

    def named(self, name: str, *, only_registered: bool = False) -> Handler:
        """The function called `name`. Raises HandlerUnknown.

        With `only_registered` nothing is imported by its path: for names that come from a document, which
        must never choose what is imported.
        """
        if (registered := self._registered.get(name)) is not None:
            return registered
        for entry_point in entry_points(group=ENTRY_POINT_GROUP):
            if name == entry_point.name or (name == entry_point.value and not only_registered):
                return _callable(name, entry_point.load)
        module, separator, attribute = name.partition(":")
        if only_registered or not (module and separator and attribute):
            raise HandlerUnknown(
                f"No installed package offers the action `{name}` (entry point group {ENTRY_POINT_GROUP}), "
                "and no program registered it."
            )

        def load() -> Any:
            found: Any = import_module(module)
            for part in attribute.split("."):
                found = getattr(found, part)
            return found

        return _callable(name, load)


def _callable(name: str, load: Callable[[], Any]) -> Handler:
    try:
        found = load()
    except Exception as problem:
        raise HandlerUnknown(f"The action `{name}` cannot be loaded: {problem}.") from problem
    if not callable(found):
        raise HandlerUnknown(f"The action `{name}` is not a function.")
    handler: Handler = found
    return handler
