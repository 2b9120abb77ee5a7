"""Small texts along the grammar of RFC 8259: JSON, no JSON, and what every parser decides for itself."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

_BLANKS = ("", " ", "\t", "\n", "\r", "\r\n", " \t\r\n ")
_NO_BLANKS = (
    "\x0b",
    "\x0c",
    "\x00",
    "\x07",
    "\x1f",
    "\x7f",
    "\x85",
    "\xa0",
    "\u2028",
    "\u2029",
    "\u3000",
    "\ufeff",
)

_NUMBERS = (
    "0", "-0", "1", "-1", "10", "1234567890", "0.5", "-0.5", "1.25e3", "1E5", "1e+5", "1e-5", "0e0", "0E+0",
    "123e65", "20e1", "-1.0E-2", "9007199254740993", "0.1e1", "1.7976931348623157e308", "5e-324",
)  # fmt: skip
_NO_NUMBERS = (
    "01", "-01", "00", "-", "+1", "+", ".5", "-.5", "5.", "1.e1", "1e", "1E+", "1e-", "1.2.3", "1e5.2",
    "0x1F",
    "0b1", "0o7", "1_000", "1 000", "1,000.5", "--1", "1-", "1+2", "NaN", "-NaN", "Infinity", "-Infinity",
    "inf", "nan", "１", "1/2", "²", "1f", "1n", "0e", "e5", ".", "..", "1..2", "-e1", "1e1e1", "Ⅳ", "٣",
)  # fmt: skip
_ODD_NUMBERS = (
    "1e400", "-1e400", "1e-400", "9" * 400, "-" + "9" * 400, "0." + "0" * 400 + "1", "1e" + "9" * 30,
    "1e-" + "9" * 30, "9" * 5000, "1" + "0" * 5000 + ".5", "18446744073709551616", "-9223372036854775809",
)  # fmt: skip
_STRINGS = (
    '""', '"a"', '" "', '"\\""', '"\\\\"', '"\\/"', '"/"', '"\\b\\f\\n\\r\\t"', '"\\u0000"', '"\\u00e4"',
    '"\\uD83D\\uDE80"', '"\\ud83d\\ude80"', '"🚀"', '"ä"', '"数据"', '"\u2028\u2029"', '"\x7f"', '"\\u2028"',
    '"\\u0022"', '"\\u005c"', '"\\\\u0041"', '"a\\\\"', '"\\uFFFE"', '"\uffff"', '"\U0010ffff"', '"e\u0301"',
    '"\u202e"', '"null"', '"[{:,}]"', '"// no comment"', '"\u200b"', '"\ue000"', '"\\uDBFF\\uDFFF"',
)  # fmt: skip
_NO_STRINGS = (
    '"', "'", "''", "'a'", '"a', 'a"', '"\\"', '"\\', '"\\x41"', '"\\a"', '"\\0"', '"\\1"', '"\\U0041"',
    '"\\u"',
    '"\\u1"', '"\\u12"', '"\\u123"', '"\\u12g4"', '"\\u 041"', '"\\u+041"', '"\\u-041"', '"\\u00A"', '"\\\n"',
    '"\\🚀"', '"\n"', '"\t"', '"\x00"', '"\x1f"', '"a\rb"', '"a\r\nb"', '"""', '""a""', '"a" "b"', '"a" b',
    "“a”", "`a`", '"\\\'"', "\\u0022a\\u0022", '"\\ ', '"\\u{41}"', 'u"a"', '"a"x', "„a“", '"a\u2019',
    '\\"a"',
)  # fmt: skip
_ODD_STRINGS = (
    '"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\udc00\\ud800"', '"\\ud800x"', '"x\\udc00"', '"\ud800"',
    '"\udc00"', '"\ud83d\ude80"', '"\\ud83d\ude80"', '"\ud83d\\ude80"', '"\\ud800\\n"', '"\\uDEAD"',
    '"\\ud8"',
    '"\\ud800\\u"', '"\\ud800\\u1"', '"\\ud800\\udc0"', '"\\ud800\\\\udc00"', '"' + "x" * 70_000 + '"',
)  # fmt: skip
_WORDS = ("true", "false", "null")
_NO_WORDS = (
    "True", "TRUE", "tru", "truee", "fals", "nul", "nulL", "None", "undefined", "nil", "yes", "no", "on", "t",
    "true1", "true false", "true,", "nullnull", "truetrue", "*", "#", "@", "$", "%", "&", "<", ">", "=",
    "!", ";",
    "abc", "ä", "🚀", "\ufffd", "\ud800", "{{x}}", "<xml/>", "key: value", "a = 1", "--- x", "\\n", "1true",
)  # fmt: skip
_ARRAYS = (
    "[]",
    "[ ]",
    "[\n]",
    "[[]]",
    "[1]",
    "[1,2]",
    "[1 , 2]",
    "[null,true,false]",
    "[[],[[]],{}]",
    '["",0]',
)
_NO_ARRAYS = (
    "[", "]", "[[", "]]", "[]]", "[[]", "[1", "[1,", "[1,]", "[,1]", "[,]", "[1,,2]", "[1 2]", "[1;2]",
    "[1:2]",
    '["a":1]', "[1}", "[}", "{]", "[{]", "[{}", '["a', '["a,', "[1]]", "[1][2]", "[1],", "[1]x", "(1)", "[-]",
    "[a]", "[1,\n", "[1\n,1\n,", '["a"\n"b"]', "[*]", '[""],', "[x", "[ 3[ 4]]", "[1,2}", "[\\u0031]",
    "[/**/1]",
)  # fmt: skip
_OBJECTS = (
    "{}", "{ }", '{"a":1}', '{"a" : 1}', '{"a":{}}', '{"a":[],"b":{}}', '{"":0}', '{"a":{"a":{"a":{}}}}',
    '{"\\u0061":1}', '{"a b":1}', '{"🚀":1}', '{"\n":1}', '{"__proto__":1}', '{"$ref":"x"}', '{"a":null}',
)  # fmt: skip
_NO_OBJECTS = (
    "{", "}", "{{", "}}", "{}}", "{{}", '{"a"}', '{"a":}', '{"a":1', '{"a":1,', '{"a":1,}', "{,}", '{,"a":1}',
    '{"a":1,,"b":2}', '{"a":1 "b":2}', '{"a" 1}', '{"a"::1}', '{"a":1;"b":2}', '{"a"=1}', '{"a"=>1}', "{a:1}",
    "{'a':1}", "{1:1}", "{null:1}", "{[]:1}", "{{}:1}", '{"a":1]', '{"a', '{"a"', '{"a":', '{"a":"',
    '{"a":"b',
    '{"a":1}}', '{"a":1}{', '{"a":1},{"b":2}', '{"a":1}x', '{"a":1}#', '{"a":/**/1}', '{"a":1}//', "{:1}",
    "{:}",
    '{"a":1/*', '{//\n"a":1}', '{"a":1,"b"', '{"a":1,"b":', '{"a":[}', '{"a":{]', '{"a":1:2}', '{"a":,"b":1}',
    '{"a",1}', '{"a":1,\n\n"b"\n', '{"a":b}', '{"a":"b"c}', '{"a":1...}', "{...}", '{"a"}}', '{"":}', '{"',
)  # fmt: skip
_ODD_OBJECTS = (
    '{"a":1,"a":2}', '{"a":{"b":1},"a":{"c":2}}', '{"a":1,"\\u0061":2}', '{"":1,"":2}', '{"\\ud800":1}',
    '{"\ud800":1,"\\ud800":2}', '{"a":1,"a":1,"a":1}', '{"toString":1,"constructor":2}',
)  # fmt: skip
_DEEP = tuple(
    opening * depth + closing * depth
    for depth in (100, 511, 512, 513, 2_000)
    for opening, closing in (
        ("[", "]"),
        ('{"a":', "}"),
        ("[", ""),
        ('{"a":', ""),
        ('[{"a":', "}]"),
        ("", "]"),
    )
)


def snippets() -> tuple[str, ...]:
    """Each once: the bare values, and the same inside an array, as a member and between blanks."""
    values = (*_NUMBERS, *_STRINGS, *_WORDS, *_ARRAYS, *_OBJECTS)
    wrong = (*_NO_NUMBERS, *_NO_STRINGS, *_NO_WORDS, *_NO_ARRAYS, *_NO_OBJECTS)
    odd = (*_ODD_NUMBERS, *_ODD_STRINGS, *_ODD_OBJECTS)
    found = chain(
        ("", *_BLANKS, *_NO_BLANKS, *values, *wrong, *odd, *_DEEP),
        _around((*_NO_NUMBERS, *_NO_STRINGS, *_NO_WORDS, *odd), "[", "]"),
        _around((*_NO_NUMBERS, *_NO_STRINGS, *_NO_WORDS, *odd), '{"status": ', ', "title": "t"}'),
        (f"{blank}{{}}{blank}" for blank in (*_BLANKS, *_NO_BLANKS)),
        (f"[1{blank},{blank}2]" for blank in (*_BLANKS, *_NO_BLANKS)),
    )
    return tuple(dict.fromkeys(found))


def _around(texts: tuple[str, ...], before: str, after: str) -> Iterator[str]:
    for text in texts:
        yield before + text + after
