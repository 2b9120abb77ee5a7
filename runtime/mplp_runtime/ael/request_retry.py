"""Which failed requests are worth sending again, and when."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 30.0
_MESSAGE_CHARACTERS = 300
_NONSENSE = (ValueError, AttributeError, TypeError, LookupError)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})


class RequestFailed(Exception):
    """A request failed. `is_passing`: the same request may succeed later.

    `error_type` is the status as text, as OpenTelemetry's `error.type` has it, or a word.
    """

    def __init__(
        self,
        message: str,
        *,
        is_passing: bool,
        retry_after_s: float | None = None,
        error_type: str = "answer",
    ) -> None:
        super().__init__(message)
        self.is_passing = is_passing
        self.retry_after_s = retry_after_s
        self.error_type = error_type


@contextmanager
def told_as_failure(*, nonsense: bool = False) -> Iterator[None]:
    """Turns what the OpenAI client raises inside into RequestFailed.

    With `nonsense` also what comes of reading an answer that is none: the client does not check it.
    """
    try:
        yield
    except Exception as problem:
        failure = None if isinstance(problem, RequestFailed) else _failure(problem)
        if failure is None and nonsense and isinstance(problem, _NONSENSE):
            message = f"The endpoint answered something that cannot be read ({type(problem).__name__})"
            failure = RequestFailed(message, is_passing=False)
        if failure is None:
            raise
        raise failure from problem


def _failure(problem: Exception) -> RequestFailed | None:
    import httpx2
    import openai

    if isinstance(problem, openai.APIStatusError):
        status = problem.status_code
        said = _said(problem)
        if status in {401, 403}:
            message = f"The endpoint refused the key (status {status}); look at `api_key_env`{said}"
            return RequestFailed(message, is_passing=False, error_type=str(status))
        return RequestFailed(
            f"The endpoint answered with status {status}{said}",
            is_passing=status in _PASSING_STATUSES or status >= 500,
            retry_after_s=retry_after_s(problem.response.headers),
            error_type=str(status),
        )
    if isinstance(problem, openai.APIConnectionError | httpx2.TransportError):
        cause = problem.__cause__ or problem
        detail = str(cause) or type(cause).__name__
        message = f"The connection to the endpoint failed: {detail}"
        return RequestFailed(message, is_passing=True, error_type="connection")
    if isinstance(problem, openai.APIError):
        # An error that is told inside the stream, after a good beginning.
        return RequestFailed(f"The endpoint reported an error{_said(problem)}", is_passing=True)
    return None


def retry_after_s(headers: Any) -> float | None:
    """Seconds to wait as the headers of an answer ask for, as a number or as a date; None if they do not.

    A date is counted from the answer's own `Date`, because the two clocks may differ.

    >>> retry_after_s({"retry-after": "3"}), retry_after_s({"retry-after": "soon"}), retry_after_s({})
    (3.0, None, None)
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            since = parsedate_to_datetime(headers.get("date"))
            seconds = (parsedate_to_datetime(value) - since).total_seconds()
        except (TypeError, ValueError):
            return None
    return max(seconds, 0.0) if seconds < float("inf") else None


def pause_before_s(tried: int, asked_for_s: float | None) -> float:
    """Seconds before the next request: what the endpoint asks for, else twice as long each time.

    `tried` counts from 0. A part of it is left to chance, so that many clients do not come back at once.
    """
    if asked_for_s is not None:
        return asked_for_s
    longest = min(_FIRST_PAUSE_S * 2.0**tried, _LONGEST_PAUSE_S)
    return longest * random.uniform(0.75, 1.0)  # noqa: S311 - no secret depends on it


def _said(problem: Any) -> str:
    body = problem.body
    message = body.get("message") if isinstance(body, dict) else None
    if not isinstance(message, str) or not message.strip():
        return ""
    text = " ".join(message.split())
    return f": {text[:_MESSAGE_CHARACTERS]}".rstrip(".")
