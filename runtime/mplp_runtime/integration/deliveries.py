"""Which events were taken in already: the same delivery has no second effect (seed 2, 9).

Remembered in the state, in the transaction of the effect, so that a delivery that was cut off by a crash is
taken in when it is repeated. The oldest are forgotten.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from mplp_runtime.vsl.interface import Json, Reading, Transaction

MOST_REMEMBERED = 10_000

_NEXT = "integration/deliveries/next"


def delivery_of(value: Mapping[str, Json], source: str) -> str:
    """A name for one delivery: its own `event_id` where it has one, else what it says and who said it."""
    event_id = value.get("event_id")
    if isinstance(event_id, str) and event_id:
        return f"{source}/{event_id}"
    said = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"{source}/sha256:{hashlib.sha256(said.encode()).hexdigest()}"


def is_known(reading: Reading, delivery: str) -> bool:
    """Whether this delivery has had its effect."""
    return reading.get(_key(delivery)) is not None


def remember(transaction: Transaction, delivery: str, lamport: int) -> None:
    """From now on this delivery is known."""
    number = (transaction.get(_NEXT) or 0) % MOST_REMEMBERED
    place = f"integration/deliveries/place/{number:05}"
    oldest = transaction.get(place)
    if oldest is not None:
        transaction.delete(_key(oldest))
    transaction.set(place, delivery)
    transaction.set(_key(delivery), lamport)
    transaction.set(_NEXT, number + 1)


def _key(delivery: str) -> str:
    return f"integration/deliveries/of/{delivery}"
