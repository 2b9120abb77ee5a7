"""Why a text is no id and no instant: one exact reason, and the repaired text where it is certain."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

UUID_V4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)
_UUID_ANY = re.compile(
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}", re.ASCII
)
_UUID_BARE = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)
_UUID_LIKE = re.compile(r"[0-9a-zA-Z]{4,12}(-[0-9a-zA-Z]{2,14}){4}", re.ASCII)

_INSTANT = re.compile(
    r"(?P<year>\d{4})(?P<rule>[-/.]?)(?P<month>\d{1,2})(?P=rule)(?P<day>\d{1,2})(?P<joint>[Tt _])"
    r"(?P<hour>\d{1,2}):?(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<fraction>\d*))?)?"
    r"(?P<offset> ?(?:[Zz]|UTC|GMT)|[+-]\d{1,2}(?::?\d{2})?)?",
    re.ASCII,
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

UUID_LENGTH = 36
# Seconds that lie between the years 2001 and 2286.
_MOST_DIGITS = 18
_LEAST_SECONDS, _MOST_SECONDS = 1_000_000_000, 9_999_999_999


class Explanation(NamedTuple):
    """One sentence without the name of the field, and the text that was certainly meant (or None)."""

    reason: str
    suggestion: str | None = None


def is_id(value: object) -> bool:
    """Whether `value` is a lower-case UUID version 4, the only form of id the schemas accept."""
    return isinstance(value, str) and UUID_V4.fullmatch(value) is not None


def explain_uuid(text: str) -> Explanation:
    """What keeps `text` from being an MPLP id (lower-case UUID version 4). `text` must not be one."""
    bare = text.strip().removeprefix("urn:uuid:").strip("{}")
    if bare != text and _UUID_ANY.fullmatch(bare):
        return Explanation(
            "has something around the UUID; write the UUID alone",
            bare.lower() if is_id(bare.lower()) else None,
        )
    if _UUID_ANY.fullmatch(text):
        return _explain_well_formed_uuid(text)
    if _UUID_BARE.fullmatch(text):
        return Explanation("is a UUID without its hyphens", _dashed(text))
    digits = re.sub(r"[-_ .:]", "", text)
    if _UUID_BARE.fullmatch(digits):
        return Explanation("is a UUID whose hyphens are not where they belong", _dashed(digits))
    if _UUID_LIKE.fullmatch(text):
        if set(text.lower()) <= set("xy4-"):
            return Explanation("is a placeholder; put an id of your own there")
        if len(text) != UUID_LENGTH:
            return Explanation(f"has {len(text)} characters; a UUID has {UUID_LENGTH}")
        for position, letter in enumerate(text, start=1):
            if letter not in "0123456789abcdefABCDEF-":
                return Explanation(
                    f"has `{letter}` at character {position}; "
                    "a UUID has only the digits 0-9, the letters a-f and hyphens"
                )
        return Explanation("is no UUID: its groups have 8, 4, 4, 4 and 12 digits")
    return Explanation("is no id; ids are UUIDs of version 4, such as `3f2b8c1e-5a7d-4e9b-8c6f-1d2e3a4b5c6d`")


def _dashed(digits: str) -> str | None:
    """The id that 32 hexadecimal digits make; None where they make none of version 4."""
    lower = digits.lower()
    dashed = "-".join((lower[:8], lower[8:12], lower[12:16], lower[16:20], lower[20:]))
    return dashed if is_id(dashed) else None


def _explain_well_formed_uuid(text: str) -> Explanation:
    lower = text.lower()
    if is_id(lower):
        return Explanation("has upper-case letters; ids are written in lower case", lower)
    version = lower[14]
    if version != "4":
        if set(lower) <= {"0", "-"}:
            return Explanation("is the empty UUID; MPLP needs version 4")
        if version in "1235678":
            return Explanation(f"is a version {version} UUID; MPLP needs version 4")
        return Explanation(
            f"is no UUID of any known version (character 15 is `{version}`); MPLP needs version 4"
        )
    return Explanation(
        f"is no standard UUID: character 20 is `{lower[19]}`, and must be `8`, `9`, `a` or `b`"
    )


def explain_instant(text: str) -> Explanation:
    """What keeps `text` from being an instant as RFC 3339 writes it. `text` must not be one."""
    if _DAY.fullmatch(text):
        return Explanation("is a day without a time; write an instant such as `2025-12-06T12:00:00Z`")
    if is_count(text) and (repaired := meant_instant(int(text))) is not None:
        return Explanation("is a count since 1970; write the instant itself", repaired)
    match = _INSTANT.fullmatch(text.strip())
    if match is None:
        return Explanation("is no instant; write it as in `2025-12-06T12:00:00Z`")
    if not _exists(match):
        return Explanation("is no real instant: the day or the time does not exist")
    repaired = _repaired_instant(match)
    if repaired is None:
        return Explanation("has an offset that does not exist; offsets go up to `23:59`")
    if text != text.strip():
        return Explanation("has blanks around it", repaired)
    if match["offset"] is None:
        return Explanation("has no offset; add `Z` (UTC) or an offset such as `+02:00`", repaired)
    if match["second"] is None:
        return Explanation("has no seconds", repaired)
    if match["joint"] not in "Tt":
        return Explanation("needs a `T` between day and time", repaired)
    if match["fraction"] == "":
        return Explanation("has no digit after the point", repaired)
    return Explanation("is not written as RFC 3339 asks, as in `2025-12-06T12:00:00Z`", repaired)


def is_count(text: str) -> bool:
    """Whether a text is a number that somebody may have meant; Python does not read very long ones."""
    return len(text) <= _MOST_DIGITS and text.isascii() and text.isdigit()


def meant_instant(count: float) -> str | None:
    """The instant that a count of seconds or milliseconds since 1970 means; None where it is neither."""
    for unit in (1, 1000):
        # Compared before it is divided: a number in JSON may be longer than any float.
        if _LEAST_SECONDS * unit <= count <= _MOST_SECONDS * unit:
            return datetime.fromtimestamp(int(count / unit), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None


def _repaired_instant(match: re.Match[str]) -> str | None:
    """The same instant as RFC 3339 writes it, UTC where no offset is told; None for an impossible offset."""
    offset = (match["offset"] or "Z").strip().upper().replace("UTC", "Z").replace("GMT", "Z")
    if offset != "Z":
        hours, _, minutes = offset[1:].partition(":")
        if not minutes:
            hours, minutes = (hours[:-2], hours[-2:]) if len(hours) > 2 else (hours, "0")
        if int(hours) > 23 or int(minutes) > 59:
            return None
        offset = f"{offset[0]}{int(hours):02}:{int(minutes):02}"
    fraction = f".{match['fraction']}" if match["fraction"] else ""
    day = f"{match['year']}-{int(match['month']):02}-{int(match['day']):02}"
    return f"{day}T{int(match['hour']):02}:{match['minute']}:{match['second'] or '00'}{fraction}{offset}"


def _exists(match: re.Match[str]) -> bool:
    names = ("year", "month", "day", "hour", "minute", "second")
    try:
        datetime(*(int(match[name] or 0) for name in names), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return False
    return True


def explain_email(text: str) -> Explanation:
    """What keeps `text` from being an e-mail address."""
    if text.count("@") != 1:
        return Explanation("is no e-mail address; write it as in `ada@example.org`")
    return Explanation("is no e-mail address: the part before or after `@` is missing or malformed")


def explain_uri(text: str) -> Explanation:
    """What keeps `text` from being an absolute URI."""
    if any(letter.isspace() for letter in text):
        return Explanation("has blanks in it; a URI has none")
    if ":" not in text:
        return Explanation("has no scheme; write the full URI, as in `https://example.org/run/1`")
    if not text.isascii():
        return Explanation("has letters beyond ASCII; write them percent-encoded")
    return Explanation("is no full URI, as in `https://example.org/run/1`")
