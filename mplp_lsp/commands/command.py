"""What a command is: a name, the shape of its one argument, and the coroutine that does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mplp_lsp.commands.services import Services

_WORDS = {str: "a string", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One member of the argument object."""

    type: type[str | bool]
    required: bool = True
    about: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of `workspace/executeCommand`; its only argument is one JSON object."""

    name: str
    title: str
    about: str
    run: Callable[[Services, Mapping[str, Any]], Awaitable[Any]]
    parameters: Mapping[str, Parameter]

    def problem(self, arguments: object) -> str | None:
        """One sentence that says why `arguments` does not fit; None if it does."""
        if not isinstance(arguments, dict):
            return f"{self.name} takes one JSON object as its only argument: {self.usage}."
        for name, parameter in self.parameters.items():
            value = arguments.get(name)
            if value is None:
                if parameter.required:
                    return f"{self.name} needs `{name}`: {self.usage}."
            elif not isinstance(value, parameter.type):
                return f"{self.name}: `{name}` is {_WORDS[parameter.type]}: {self.usage}."
        unknown = [name for name in arguments if name not in self.parameters]
        if unknown:
            return f"{self.name} does not know `{unknown[0]}`: {self.usage}."
        return None

    @property
    def usage(self) -> str:
        """The argument in the notation of the documentation, e.g. `{uri, simulate?}`."""
        members = ", ".join(
            name if parameter.required else f"{name}?" for name, parameter in self.parameters.items()
        )
        return f"{{{members}}}"
