"""JSON that can be read in one way only: nothing is said twice, and all numbers are numbers of JSON."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_value(text: str) -> Any:
    """The value of a JSON text; a byte-order mark is passed over. Raises ValueError and RecursionError.

    >>> strict_value('{"a": 1.5}')
    {'a': 1.5}
    >>> strict_value('{"a": 1, "a": 2}')
    Traceback (most recent call last):
    ValueError: the key `a` stands twice in one object
    >>> strict_value('{"a": NaN}')
    Traceback (most recent call last):
    ValueError: NaN is no JSON value
    """
    return json.loads(
        text.removeprefix("\ufeff"), parse_constant=_refused, parse_float=_finite, object_pairs_hook=_once
    )


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Whoever reads it otherwise may take either for what was meant.
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key `{twice}` stands twice in one object")
    return found


def _refused(word: str) -> None:
    raise ValueError(f"{word} is no JSON value")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        # It would be kept as `Infinity`, which is no JSON.
        raise ValueError(f"the number {digits[:20]} is too large")
    return number
