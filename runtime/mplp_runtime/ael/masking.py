"""Takes a secret out of text that comes in pieces, wherever the pieces are cut."""

from __future__ import annotations

MASK = "***"
_SHORTEST_SECRET = 8


class Masking:
    """What may be shown of a stream that may repeat a secret; "" is no secret.

    A secret of fewer than 8 characters is none: it is what people give a server that wants any key ("none"),
    and would take such words out of every text. Law, tested: however a text is cut, the parts and the rest
    together are `masked` of all of it.
    """

    def __init__(self, secret: str) -> None:
        self._secret = secret if len(secret) >= _SHORTEST_SECRET else ""
        self._held = ""

    def part(self, piece: str) -> str:
        """What may be shown by now; what may be the beginning of the secret is held back."""
        if not self._secret:
            return piece
        *before, last = (self._held + piece).split(self._secret)
        shown = len(last) - self._begun_at_end(last)
        self._held = last[shown:]
        return MASK.join([*before, last[:shown]])

    def rest(self) -> str:
        """What was held back, once nothing more comes: also the beginning of a secret is not shown."""
        held, self._held = self._held, ""
        return MASK if len(held) >= _SHORTEST_SECRET else held

    def _begun_at_end(self, text: str) -> int:
        """How many characters at the end may be the beginning of the secret."""
        secret = self._secret
        longest = min(len(text), len(secret) - 1)
        return next((size for size in range(longest, 0, -1) if text.endswith(secret[:size])), 0)


def masked(text: str, secret: str) -> str:
    """A whole text without the secret, and without the beginning of it where the text was cut inside it.

    >>> masked("The key sk-1234567 is wrong, not sk-123456", "sk-1234567")
    'The key *** is wrong, not ***'
    """
    masking = Masking(secret)
    return masking.part(text) + masking.rest()
