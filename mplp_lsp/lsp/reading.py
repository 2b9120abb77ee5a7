"""Plain JSON as structures, checked against what their members are declared to be.

Each class is looked at once, when the first message needs it. Members that a class does not know are ignored,
as LSP asks of newer clients' messages.
"""

from __future__ import annotations

import enum
import types as python_types
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from mplp_lsp.lsp import types
from mplp_lsp.lsp.structure import Structure
from mplp_lsp.lsp.values import Unsigned

Reader = Callable[[Any], Any]

LARGEST = 2**31 - 1
_MISSING = object()


class Misfit(Exception):
    """JSON that is not what was declared; says nothing of the values, which may be secret."""


def read(declared: Any, value: object) -> Any:
    """`value` as `declared` (a structure, or any annotation of a member). Raises Misfit."""
    return _reader(declared)(value)


@cache
def _reader(declared: Any) -> Reader:
    if declared is Any:
        return _anything
    if declared == Unsigned:
        return partial(_whole_number, 0)
    origin = typing.get_origin(declared)
    if origin in {typing.Union, python_types.UnionType}:
        return _one_of(typing.get_args(declared))
    if origin is typing.Literal:
        return partial(_word, typing.get_args(declared))
    if origin in {Sequence, list}:
        return partial(_items, _reader(typing.get_args(declared)[0]))
    if origin is Mapping:
        return partial(_named, _reader(typing.get_args(declared)[1]))
    if declared is int:
        return partial(_whole_number, -LARGEST - 1)
    if declared is python_types.NoneType:
        return partial(_plain, python_types.NoneType)
    if issubclass(declared, Structure):
        return partial(_structure, declared)
    if issubclass(declared, enum.Enum):
        return partial(_kind, declared)
    return partial(_plain, declared)


def _anything(value: Any) -> Any:
    return value


def _plain(expected: type, value: Any) -> Any:
    if type(value) is not expected:
        raise Misfit
    return value


def _whole_number(smallest: int, value: Any) -> int:
    # Some clients have only one kind of number, and write 3.0.
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not smallest <= value <= LARGEST:
        raise Misfit
    return value


def _word(words: tuple[str, ...], value: Any) -> Any:
    if value not in words:
        raise Misfit
    return value


def _kind(kinds: type[enum.Enum], value: Any) -> enum.Enum:
    try:
        return kinds(value)
    except ValueError:
        raise Misfit from None


def _items(reader: Reader, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Misfit
    return [reader(item) for item in value]


def _named(reader: Reader, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Misfit
    return {name: reader(member) for name, member in value.items()}


_Member = tuple[str, str, Reader, bool]
_known_members: dict[type[Structure], tuple[_Member, ...]] = {}


def _members(structure: type[Structure]) -> tuple[_Member, ...]:
    """Name here, name in JSON, reader, and whether it must be there."""
    known = _known_members.get(structure)
    if known is None:
        declared = typing.get_type_hints(structure, localns=vars(types), include_extras=True)
        known = _known_members[structure] = tuple(
            (name, json_name, _reader(declared[name]), name in structure.required)
            for name, json_name in zip(structure.names, structure.json_names, strict=True)
        )
    return known


def _structure(structure: type[Structure], value: Any) -> Structure:
    if not isinstance(value, dict):
        raise Misfit
    made = structure.__new__(structure)
    own = made.__dict__
    for name, json_name, reader, is_required in _members(structure):
        member = value.get(json_name, _MISSING)
        if member is not _MISSING:
            own[name] = reader(member)
        elif is_required:
            raise Misfit
    return made


def _one_of(declared: tuple[Any, ...]) -> Reader:
    """The first structure whose members are all there decides; else whatever takes the value."""
    structures = [one for one in declared if isinstance(one, type) and issubclass(one, Structure)]
    others = [_reader(one) for one in declared if one not in structures]

    def read_one(value: Any) -> Any:
        if isinstance(value, dict):
            for structure in structures:
                if _has_members(structure, value):
                    return _structure(structure, value)
        for reader in others:
            try:
                return reader(value)
            except Misfit:
                continue
        raise Misfit

    return read_one


def _has_members(structure: type[Structure], value: Mapping[str, Any]) -> bool:
    """Whether what must be there is; of the changes of files only `kind` says which one it is."""
    return all(
        json_name in value if is_required else _allows(reader, value.get(json_name))
        for _, json_name, reader, is_required in _members(structure)
    )


def _allows(reader: Reader, value: Any) -> bool:
    return not isinstance(reader, partial) or reader.func is not _word or value in reader.args[0]
