"""What the objects of LSP have in common: named members, most of them optional, and a form as plain JSON.

Members that were not given cost nothing: they are the defaults of the class.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar, dataclass_transform


@dataclass_transform()
class Structure:  # noqa: PLW1641  # members may change, so it has no hash
    """An object of LSP. Members are declared as in a dataclass; `from_` stands for JSON's `from`.

    A member that is None is left out of the JSON, except those in `nullable`, which LSP wants said.
    """

    nullable: ClassVar[frozenset[str]] = frozenset()
    names: ClassVar[tuple[str, ...]] = ()
    json_names: ClassVar[tuple[str, ...]] = ()
    required: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls) -> None:
        cls.names = tuple(name for name in cls.__annotations__ if name != "nullable")
        cls.json_names = tuple(map(_json_name, cls.names))
        cls.required = frozenset(name for name in cls.names if name not in cls.__dict__)

    def __init__(self, *values: Any, **members: Any) -> None:
        own = self.__dict__
        if values:
            own.update(zip(self.names, values, strict=False))
            if len(values) > len(self.names) or not own.keys().isdisjoint(members):
                raise TypeError(f"{type(self).__name__} was given a member twice, or too many.")
        own.update(members)
        if not self.required <= own.keys() <= set(self.names):
            wrong = sorted((self.required - own.keys()) | (own.keys() - set(self.names)))
            raise TypeError(f"{type(self).__name__} lacks or does not know {', '.join(wrong)}.")

    def plain(self) -> dict[str, Any]:
        """The members under their names in JSON; values as they are, so those within may be structures."""
        return {
            json_name: value
            for name, json_name in zip(self.names, self.json_names, strict=True)
            if (value := getattr(self, name)) is not None or name in self.nullable
        }

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.names)

    def __repr__(self) -> str:
        members = ", ".join(f"{name}={value!r}" for name, value in self.__dict__.items())
        return f"{type(self).__name__}({members})"


def plain_of(value: object) -> Any:
    """A value made of structures, lists and objects as JSON values all through; a copy."""
    if isinstance(value, Structure):
        return {name: plain_of(member) for name, member in value.plain().items()}
    if isinstance(value, list | tuple):
        return [plain_of(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain_of(member) for key, member in value.items()}
    return value.value if isinstance(value, enum.Enum) else value


def _json_name(name: str) -> str:
    first, *others = name.rstrip("_").split("_")
    return first + "".join(map(str.capitalize, others))
