"""What the four formats take and refuse, and that both engines ask them and nobody else."""

from __future__ import annotations

import pytest

from mplp_schemas import python_validator, rust_validator
from mplp_schemas.engines import ecma_regex, python_format_checker
from mplp_schemas.formats import FORMATS

ID = "3f0d7f4e-6c1b-4a52-9f7e-2b8d1c5e0a91"

TAKEN = {
    "date-time": (
        "1985-04-12T23:20:50.52Z",
        "1996-12-19t16:39:57-08:00",
        "1990-12-31T15:59:60-08:00",
        "2016-12-31T23:59:60.123z",
        "2015-07-01T01:59:60+02:00",
        "2000-01-01T05:29:60+05:30",
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "0000-02-29T00:00:00Z",
        "9999-12-31T23:59:59.999999999Z",
        "2026-01-01T00:00:00-00:00",
        "2026-01-01T00:00:00+23:59",
    ),
    "uuid": (ID, ID.upper(), "00000000-0000-0000-0000-000000000000", "6fa459ea-ee8a-11e3-ac10-0800200c9a66"),
    "email": (
        "joe.bloggs@example.com",
        "te~st@example.com",
        "~test~@example.com",
        '"joe bloggs"@example.com',
        '"joe..bl\\"oggs@"@example.com',
        "a@b",
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a" * 64 + "@example.org",
        "a@" + ".".join(["b" * 63] * 3),
    ),
    "uri": (
        "http://foo.bar/?baz=qux#quux",
        "http://-.~_!$&'()*+,;=:%40:80%2f::::::@example.com",
        "http://[2001:db8::7]:8080/c=GB?objectClass?one",
        "http://[v1.fe80::a+en1]/",
        "mailto:John.Doe@example.com",
        "news:comp.infosystems.www.servers.unix",
        "tel:+1-816-555-1212",
        "urn:oasis:names:specification:docbook:dtd:xml:4.1.2",
        "file:///etc/hosts",
        "http:",
        "x:/",
        "http://host:/",
    ),
}

REFUSED = {
    "date-time": (
        "",
        "2026-01-01",
        "12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01T12:00Z",
        "2026-01-01 12:00:00Z",
        "2026-01-01T12:00:00+0200",
        "2026-01-01T12:00:00+02",
        "2026-01-01T12:00:00+24:00",
        "2026-01-01T12:00:00+02:60",
        "2026-01-01T12:00:00.Z",
        "2026-01-01T12:00:00,5Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T12:60:00Z",
        "2026-01-01T12:00:61Z",
        "2026-13-01T12:00:00Z",
        "2026-00-01T12:00:00Z",
        "2026-01-00T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2026-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "26-01-01T12:00:00Z",
        "12026-01-01T12:00:00Z",
        "+2026-01-01T12:00:00Z",
        "2026-1-1T12:00:00Z",
        "2026-01-01T12:00:00Z\n",
        " 2026-01-01T12:00:00Z",
        "２０２６-01-01T12:00:00Z",
        "2016-12-31T22:59:60Z",
        "2016-12-30T23:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2017-01-01T00:59:60Z",
        "2015-07-01T23:59:60Z",
    ),
    "uuid": (
        "",
        ID[:-1],
        ID + "0",
        ID + "\n",
        "{" + ID + "}",
        "urn:uuid:" + ID,
        ID.replace("-", ""),
        ID[:-1] + "g",
    ),
    "email": (
        "",
        "2962",
        "a@",
        "@b",
        "a@b@c",
        ".test@example.com",
        "test.@example.com",
        "te..st@example.com",
        "joe bloggs@example.com",
        "joe.bloggs@invalid=domain.com",
        "a@-b.org",
        "a@b-.org",
        "a@b..org",
        "a@b.org.",
        "a@[127.0.0.300]",
        "a@[::1]",
        "a@[IPv6:127.0.0.1]",
        "a@b\n",
        "ü@example.org",
        "a@exämple.org",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64,
        "a@" + ".".join(["b" * 63] * 5),
    ),
    "uri": (
        "",
        "//foo.bar/",
        "/abc",
        "abc",
        "#frag",
        "\\\\WINDOWS\\fileshare",
        "http:// shouldfail.com",
        ":// should fail",
        "bar,baz:foo",
        "1http://a",
        "https://[@example.org/test.txt",
        "http://[::1",
        "http://[127.0.0.1]/",
        "http://[fe80::1%25en1]/",
        "https://example.org/foobar\\.txt",
        "https://example.org/foobar<>.txt",
        "https://example.org/foo|bar",
        "https://example.org/`",
        "https://example.org/%zz",
        "https://example.org/%4",
        "https://example.org/ä",
        "http://a:80b/",
        "http://a/#b#c",
        "http://a/\n",
    ),
}

CASES = [(name, text, True) for name, texts in TAKEN.items() for text in texts] + [
    (name, text, False) for name, texts in REFUSED.items() for text in texts
]


@pytest.mark.parametrize(("name", "text", "is_taken"), CASES)
def test_a_format_takes_what_its_standard_takes(name: str, text: str, is_taken: bool) -> None:
    assert FORMATS[name](text) is is_taken
    schema = {"format": name}
    assert rust_validator(schema).is_valid(text) is is_taken
    assert python_validator(schema).is_valid(text) is is_taken


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_says_nothing_about_what_is_not_text(name: str) -> None:
    values: tuple[object, ...] = (None, 1, 1.5, True, [], {})
    for value in values:
        assert rust_validator({"format": name}).is_valid(value)
        assert python_validator({"format": name}).is_valid(value)


def test_the_oracle_has_no_format_of_its_own() -> None:
    assert set(python_format_checker().checkers) == set(FORMATS)
    assert python_validator({"format": "ipv4"}).is_valid("not an address")


def test_a_long_hostile_text_is_refused_at_once() -> None:
    for is_valid in FORMATS.values():
        assert not is_valid("a" * 100_000 + "\x00")
        assert not is_valid("a:" + "%2" * 50_000)
        assert not is_valid("a://" + "b:" * 50_000 + "\x00")
        assert not is_valid("a:" + "/b" * 50_000 + "\x00")
        assert not is_valid("2026-01-01T00:00:00." + "1" * 100_000)
        assert not is_valid("a@" + "a-" * 50_000)
        assert not is_valid('"' + "\\ " * 50_000)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"^a$", "a", True),
        (r"^a$", "a\n", False),
        (r"^\d$", "٣", False),
        (r"^\w$", "é", False),
        (r"[$]", "$", True),
        (r"\$", "$", True),
        (r"[\]$]x", "$x", True),
        (r"a", "bab", True),
        (r"^(a|b$)", "b", True),
        (r"^(a|b$)", "b\n", False),
    ],
)
def test_both_engines_read_a_pattern_as_ecma_does(pattern: str, text: str, matches: bool) -> None:
    assert bool(ecma_regex(pattern).search(text)) is matches
    assert rust_validator({"pattern": pattern}).is_valid(text) is matches
    assert python_validator({"pattern": pattern}).is_valid(text) is matches
