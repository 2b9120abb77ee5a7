"""A secret is taken out of a stream, however the stream is cut."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mplp_runtime.ael.masking import MASK, Masking, masked

LETTERS = st.text("ab", max_size=60)


def in_parts(pieces: list[str], secret: str) -> str:
    masking = Masking(secret)
    return "".join([*map(masking.part, pieces), masking.rest()])


@given(st.lists(LETTERS), st.text("ab", min_size=8, max_size=12))
@example(["aab", "aabaab", "aabb"], "aabaabaab")
def test_the_secret_is_nowhere_and_the_cuts_do_not_matter(pieces: list[str], secret: str) -> None:
    shown = in_parts(pieces, secret)
    assert shown == masked("".join(pieces), secret)
    assert secret not in shown
    if secret not in "".join(pieces) and MASK not in shown:
        assert shown == "".join(pieces)


def test_the_beginning_of_a_secret_is_shown_only_once_it_goes_on_otherwise() -> None:
    masking = Masking("sk-1234567")
    assert [masking.part(piece) for piece in ("My sk", "-12345", "!", " s", "k")] == [
        "My ",
        "",
        "sk-12345!",
        " ",
        "",
    ]
    assert masking.rest() == "sk"


def test_a_secret_that_breaks_off_is_masked_too() -> None:
    assert masked("It is sk-12345", "sk-1234567") == f"It is {MASK}"


@pytest.mark.parametrize("secret", ["", "none", "1234567"])
def test_what_is_too_short_for_a_secret_takes_nothing_out(secret: str) -> None:
    assert masked("There are none of 1234567", secret) == "There are none of 1234567"
