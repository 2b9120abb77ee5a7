"""What all models share: strict reading, protocol names, and a way back to the very same document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    model_validator,
)

from mplp_schemas.formats import FORMATS

Json = Any
JsonObject = dict[str, Json]


def _of_format(name: str) -> AfterValidator:
    def check(text: str) -> str:
        if not FORMATS[name](text):
            raise ValueError(f"is not a {name}")
        return text

    return AfterValidator(check)


def _whole(value: Json) -> Json:
    """In JSON Schema 1.0 is an integer too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _without_duplicates(values: list[str]) -> list[str]:
    if len(set(values)) != len(values):
        raise ValueError("has an entry twice")
    return values


Id = Annotated[str, Field(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
"""A lower-case UUID of version 4, the only ids modules may have."""

Uuid = Annotated[str, _of_format("uuid")]
"""Any UUID: what the event schemas ask for. The invariants then ask for version 4."""

Timestamp = Annotated[str, _of_format("date-time")]
"""RFC 3339 with offset, kept as it was written."""

Uri = Annotated[str, _of_format("uri")]
Email = Annotated[str, _of_format("email")]
Text = Annotated[str, Field(min_length=1)]
Count = Annotated[int, BeforeValidator(_whole), Field(ge=0)]
Integer = Annotated[int, BeforeValidator(_whole)]
Version = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+$")]
NoDuplicates = AfterValidator(_without_duplicates)
Labels = Annotated[list[str], NoDuplicates]


class ProtocolObject(BaseModel):
    """An object of the protocol: nothing is coerced, nothing unknown is let in unless its schema is open.

    An optional member that is absent is None in Python and absent again in `document()`.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, validate_by_name=False, validate_by_alias=True
    )
    _order: tuple[str, ...] = PrivateAttr(default=())
    _nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="wrap")
    @classmethod
    def _remember_order(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if isinstance(value, Mapping):
            # `null` is a value, and only some members may have it; absent is what optional means.
            for name, item in value.items():
                if item is None and name not in cls._nullable and _is_declared(cls, name):
                    raise ValueError(f"{name} must not be null")
        made = handler(value)
        if isinstance(value, Mapping):
            made._order = tuple(value)  # noqa: SLF001 - made by this very class
        return made

    def document(self) -> JsonObject:
        """The JSON object this was read from, keys in their order; members added since come last."""
        values: JsonObject = {}
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            key = field.alias or name
            if value is not None or (name in self.model_fields_set and key in self._nullable):
                values[key] = _plain(value)
        values.update(_plain(self.__pydantic_extra__ or {}))
        first = {key: values[key] for key in self._order if key in values}
        return {**first, **values}


class OpenObject(ProtocolObject):
    """An object whose schema lets further members in; they are kept."""

    model_config = ConfigDict(extra="allow")


def _is_declared(model: type[ProtocolObject], key: str) -> bool:
    return any(key == (field.alias or name) for name, field in model.model_fields.items())


def _plain(value: Any) -> Json:
    if isinstance(value, ProtocolObject):
        return value.document()
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
