"""Random documents that are valid against a schema, from nothing but the schema and a seed.

Own code rather than a library: thousands of documents in a second, the same ones for the same seed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from random import Random
from typing import Any

from mplp_schemas.loader import followed

Json = Any
UUID_V4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
THREE_NUMBERS = r"^[0-9]+\.[0-9]+\.[0-9]+$"
DOTTED_WORDS = r"^[a-z][a-z0-9]*(?:\.[a-z][a-z0-9]*)*$"

WORDS = (
    "a",
    "plan",
    "Zürich",
    "两步",
    "\U0001f680",
    "two words",
    " ",
    "x\u2028y",
    'quo"te',
    "tab\t",
    "line\n",
)
EMAILS = (
    "a@b",
    "ana@example.org",
    "o'neil+mplp@mail.example.co.uk",
    '"two words"@example.org',
    "x@[127.0.0.1]",
)
URIS = (
    "https://ci.example.org/runs/1?a=b#c",
    "urn:isbn:0451450523",
    "file:///tmp/x",
    "http://[::1]:8080/",
    "a:",
)


def applying(base: str, schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The schemas that hold together at one place: `$ref` followed, `allOf` and one of `anyOf` opened."""
    if "$ref" in schema:
        return applying(*followed(schema["$ref"], base))
    together = [(base, schema)]
    for branch in schema.get("allOf", ()):
        together += applying(base, branch)
    return together


class Generator:
    """Valid documents. `fullness` is the chance of an optional field, `longest` the most elements."""

    def __init__(self, random: Random, fullness: float = 0.35, longest: int = 2, shortest: int = 0) -> None:
        self.random = random
        self.fullness = fullness
        self.longest = longest
        self.shortest = shortest

    def document(self, base: str, schema: dict[str, Any]) -> Json:
        """A document for a schema that stands in the file `base`."""
        return self.value([(base, schema)])

    def value(self, schemas: list[tuple[str, dict[str, Any]]]) -> Json:
        together = [one for base, schema in schemas for one in applying(base, schema)]
        said: dict[str, Any] = {}
        for _, schema in together:
            said.update(schema)
        if "anyOf" in said:
            return self.value([(together[0][0], self.random.choice(said["anyOf"]))])
        if "const" in said:
            return said["const"]
        if "enum" in said:
            return self.random.choice(said["enum"])
        return {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": self._boolean,
            "null": lambda *_: None,
            None: self._anything,
        }[said.get("type")](together, said)

    def _object(self, together: list[tuple[str, dict[str, Any]]], _said: dict[str, Any]) -> Json:
        members: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        required: set[str] = set()
        for base, schema in together:
            required |= set(schema.get("required", ()))
            for key, member in schema.get("properties", {}).items():
                members.setdefault(key, []).append((base, member))
        made = {
            key: self.value(schemas)
            for key, schemas in members.items()
            if key in required or self.random.random() < self.fullness
        }
        is_open = all(schema.get("additionalProperties") is not False for _, schema in together)
        if is_open and self.random.random() < self.fullness:
            made[self.random.choice(("extra", "x-note", "$comment"))] = self._anything()
        return made

    def _array(self, together: list[tuple[str, dict[str, Any]]], said: dict[str, Any]) -> Json:
        shortest = max(said.get("minItems", 0), self.shortest)
        wanted = self.random.randint(shortest, max(shortest, self.longest))
        items = [(base, schema["items"]) for base, schema in together if "items" in schema]
        made: list[Json] = []
        for _ in range(wanted):
            item = self.value(items)
            if not (said.get("uniqueItems") and item in made):
                made.append(item)
        return made

    def _string(self, _together: object, said: dict[str, Any]) -> str:
        by_format: dict[str, Callable[[], str]] = {
            "date-time": self._date_time,
            "uuid": lambda: self._uuid().upper() if self.random.random() < 0.2 else self._uuid(),
            "email": lambda: self.random.choice(EMAILS),
            "uri": lambda: self.random.choice(URIS),
        }
        if "format" in said:
            return by_format[said["format"]]()
        if "pattern" in said:
            return self._matching(said["pattern"])
        return self.random.choice(WORDS if said.get("minLength") else (*WORDS, ""))

    def _matching(self, pattern: str) -> str:
        choice = self.random.choice
        if pattern == UUID_V4:
            return self._uuid()
        if pattern == THREE_NUMBERS:
            return choice(("1.0.0", "01.2.003", "10.20.30"))
        if pattern == DOTTED_WORDS:
            return choice(("a", "plan.created", "a1.b2.c3", "step.started"))
        return choice(("0.0.1", "1.4.0", "2.0.0-rc.1+build.5", "1.0.0-alpha-a.b-c", "10.0.0+exp.sha-5114f85"))

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _date_time(self) -> str:
        random = self.random
        if random.random() < 0.1:
            return random.choice(
                ("2016-12-31T23:59:60Z", "2024-02-29t00:00:00z", "0000-01-01T00:00:00-23:59")
            )
        day = f"{random.randint(1, 9999):04}-{random.randint(1, 12):02}-{random.randint(1, 28):02}"
        time = f"{random.randint(0, 23):02}:{random.randint(0, 59):02}:{random.randint(0, 59):02}"
        return (
            f"{day}T{time}{random.choice(('', '.5', '.123456789'))}{random.choice(('Z', '+05:30', '-08:00'))}"
        )

    def _integer(self, _together: object, said: dict[str, Any]) -> Json:
        return self.random.choice((0, 1, 7, 3.0, 2**70, *(() if "minimum" in said else (-4,))))

    def _number(self, _together: object, said: dict[str, Any]) -> Json:
        return self.random.choice((0, 0.5, 1, 1.0, *(() if "maximum" in said else (1e300, 12))))

    def _boolean(self, *_: object) -> bool:
        return self.random.random() < 0.5

    def _anything(self, *_: object) -> Json:
        return self.random.choice(
            (None, True, 0, -1.5, "", "text", [], [1, "a", None], {}, {"a": {"b": [1]}})
        )
