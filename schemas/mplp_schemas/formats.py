"""The four formats of the schemas, as functions of our own (D27).

The checkers that come with `jsonschema` and `jsonschema_rs` disagree with each other in corners, so both are
given these. Only ASCII is accepted, and nothing may follow the text, not even a line end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

_DATE_TIME = re.compile(
    r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt]"
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9]|60)(?:\.[0-9]+)?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
).fullmatch
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(
    rf"(?P<local>{_ATOM}(?:\.{_ATOM})*|\"(?:[ !#-\[\]-~]|\\[ -~])*\")"
    rf"@(?:(?P<domain>{_LABEL}(?:\.{_LABEL})*)|\[(?P<literal>[0-9A-Fa-f.:]+|IPv6:[0-9A-Fa-f.:]+)\])"
).fullmatch

_PERCENT = r"%[0-9A-Fa-f]{2}"
_WORD = rf"(?:[A-Za-z0-9._~!$&'()*+,;=-]|{_PERCENT})"  # unreserved, sub-delims, pct-encoded of RFC 3986
_PCHAR = rf"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|{_PERCENT})"
_URI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:"
    rf"(?://(?:(?:{_WORD}|:)*@)?(?:\[(?P<literal>[^\[\]]+)\]|{_WORD}*)(?::[0-9]*)?(?:/{_PCHAR}*)*"
    rf"|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*|)"
    rf"(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"
).fullmatch
_IP_FUTURE = re.compile(r"[vV][0-9A-Fa-f]+\.[A-Za-z0-9._~!$&'()*+,;=:-]+").fullmatch

_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _days_in(year: int, month: int) -> int:
    is_leap_year = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if month == 2 and is_leap_year else _DAYS[month - 1]


def is_date_time(text: str) -> bool:
    """RFC 3339 date and time, with `Z` or an offset.

    Years run from 0000 to 9999, as in the RFC. Second 60 is a leap second: allowed only where it can
    happen, in the last minute (UTC) of a month. `T` and `Z` may be lower case; a space for `T` may not.
    """
    match = _DATE_TIME(text)
    if match is None:
        return False
    if text[8:10] <= "28" and text[17] != "6":
        return True
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
    if day > _days_in(year, month):
        return False
    return text[17] != "6" or _is_leap_second(match, year, month, day)


def _is_leap_second(match: re.Match[str], year: int, month: int, day: int) -> bool:
    """Whether minute and day, moved to UTC, are the last of a month."""
    sign, hours, minutes = match[7], int(match[8] or 0), int(match[9] or 0)
    offset = (hours * 60 + minutes) * (-1 if sign == "-" else 1)
    minute_of_day = int(match[4]) * 60 + int(match[5]) - offset
    if minute_of_day % 1440 != 1439:
        return False
    day += minute_of_day // 1440
    # Moved back by a day, the first of a month becomes the last of the month before.
    return day in {0, _days_in(year, month)}


def is_uuid(text: str) -> bool:
    """RFC 4122 text form: 8-4-4-4-12 hexadecimal digits, any version, either case, no `urn:uuid:`."""
    return _UUID(text) is not None


def is_email(text: str) -> bool:
    """An RFC 5321 mailbox: dots or quotes before the `@`; a host name or an address in brackets after it.

    A host of one label (`root@localhost`) is a mailbox too.
    """
    match = _EMAIL(text)
    if match is None or len(match["local"]) > 64:
        return False
    literal = match["literal"]
    if literal is None:
        return len(match["domain"]) <= 255
    return _is_address(literal.removeprefix("IPv6:"), 6 if literal.startswith("IPv6:") else 4)


def is_uri(text: str) -> bool:
    """An RFC 3986 URI: with a scheme, only ASCII, and every `%` followed by two hexadecimal digits."""
    match = _URI(text)
    if match is None:
        return False
    literal = match["literal"]
    return literal is None or _is_address(literal, 6) or _IP_FUTURE(literal) is not None


def _is_address(text: str, version: int) -> bool:
    import ipaddress

    if "%" in text or not text.isascii():  # ipaddress takes zone ids; RFC 3986 and RFC 5321 do not.
        return False
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {"date-time": is_date_time, "uuid": is_uuid, "email": is_email, "uri": is_uri}
)
"""Each format that the schemas name, with the function that decides it for a string."""
