"""Python functions that do steps: those registered in code, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
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
        self._offered: Sequence[EntryPoint] | None = None

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
        if (offered := self._offered_as(name, only_registered=only_registered)) is not None:
            return _callable(name, offered.load)
        module, separator, attribute = name.partition(":")
        if only_registered or not (module and separator and attribute):
            # It may have been installed since.
            self._offered = None
            if (offered := self._offered_as(name, only_registered=only_registered)) is not None:
                return _callable(name, offered.load)
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

    def _offered_as(self, name: str, *, only_registered: bool) -> EntryPoint | None:
        # Kept, because to list them reads the metadata of every installed package.
        if self._offered is None:
            self._offered = tuple(entry_points(group=ENTRY_POINT_GROUP))
        for entry_point in self._offered:
            if name == entry_point.name or (name == entry_point.value and not only_registered):
                return entry_point
        return None


def _callable(name: str, load: Callable[[], Any]) -> Handler:
    try:
        found = load()
    except Exception as problem:
        raise HandlerUnknown(f"The action `{name}` cannot be loaded: {problem}.") from problem
    if not callable(found):
        raise HandlerUnknown(f"The action `{name}` is not a function.")
    handler: Handler = found
    return handler
