"""Which texts are JSON: RFC 8259 and nothing else (E3)."""

from __future__ import annotations

import json
import random

import pytest

from mplp_lsp.text.snapshot import TextSnapshot
from mplp_lsp.text.tree import Tree

VALID = (
    "0",
    "-0",
    "1",
    "-1",
    "10",
    "1.0",
    "0.5",
    "-0.5",
    "1e5",
    "1E5",
    "1e+5",
    "1e-5",
    "1.5e300",
    "123456789012345678901234567890",
    "1e400",
    "-1e400",
    "9" * 5000,
    "-" + "9" * 5000,
    "1e-400",
    "true",
    "false",
    "null",
    '""',
    '"a"',
    '"\\""',
    '"\\\\"',
    '"\\/"',
    '"\\b\\f\\n\\r\\t"',
    '"\\u0041"',
    '"\\uD83D\\uDE00"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"\x7f"',
    '"\u2028"',
    '"\u0085"',
    '"🚀"',
    '"// no comment"',
    '"/* none */"',
    '"a,b:c{d}[e]"',
    "[]",
    "[ ]",
    "[\n]",
    "[1]",
    "[1,2]",
    "[ 1 , 2 ]",
    "[[]]",
    "[[],[]]",
    "[{}]",
    "[null]",
    '["a"]',
    "{}",
    "{ }",
    '{"a":1}',
    '{"a":1,"b":2}',
    '{ "a" : 1 }',
    '{"a":{}}',
    '{"a":[]}',
    '{"a":[1]}',
    '{"a":[{}]}',
    '{"":0}',
    '{"a\\nb":0}',
    '{"\\u0061":0}',
    '{"a":1,"a":2}',
    '{"a":{"b":1,"b":2}}',
    '{"a":[{"b":1,"b":2}]}',
    " 1",
    "1 ",
    "\t1",
    "\n1\n",
    "\r\n1\r\n",
    '\r{\r"a"\r:\r1\r}\r',
    '{"a":\n1}',
    '{"a"\n:1}',
    "[\n1\n,\n2\n]",
    '{"a":[1,2,{"b":[]}],"c":null}',
    '{\n"a": {\n"b": {\n"c": 1\n}\n}\n}',
    '{\n  "a": {\n  "b": 1\n  },\n  "c": [\n  {\n  "d": 1\n  }\n  ]\n}',
    '{\n    "a": {\n  "b": 1},\n"c": 2}',
    '[{"a":1},\n{"a":2}]',
    '{"steps":[{"a":[]}],"steps":[]}',
    '{"a":[' + "[" * 500 + "]" * 500 + "]}",
    "[" * 512 + "]" * 512,
    '{"a":[1,"b",null,true,-1.5,{"c":[]}]}',
    '\ufeff{"a":1}',
    '{"a":"' + "x" * 70_000 + '","b":[1]}',
)

INVALID = (
    "",
    " ",
    "\n",
    "\ufeff",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "-.5",
    "1e",
    "1e+",
    "1.e5",
    "0x10",
    "1_000",
    "--1",
    "-",
    "+",
    "1a",
    "0e",
    "NaN",
    "Infinity",
    "-Infinity",
    "nan",
    "inf",
    "True",
    "TRUE",
    "None",
    "nul",
    "nulll",
    "undefined",
    "a",
    "'a'",
    "`a`",
    '"',
    '"a',
    'a"',
    '"\n"',
    '"a\nb"',
    '"\t"',
    '"\x00"',
    '"\x1f"',
    '"\\x41"',
    '"\\u12"',
    '"\\u12G4"',
    '"\\u"',
    '"\\"',
    '"\\a"',
    '"\\\n"',
    "[",
    "]",
    "[1",
    "1]",
    "[1,]",
    "[,1]",
    "[,]",
    "[1,,2]",
    "[1 2]",
    "[1:2]",
    "[1;2]",
    "[1}",
    "(1)",
    "[a]",
    "[NaN]",
    "[01]",
    '["a]',
    "[1,2,]",
    "[1]]",
    "[[1]",
    "{",
    "}",
    '{"a"}',
    '{"a":}',
    '{"a" 1}',
    '{"a":1,}',
    '{,"a":1}',
    '{"a":1,,"b":2}',
    '{"a":1 "b":2}',
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    '{"a":1',
    '{"a":1]',
    '{"a":1}}',
    '{"a"::1}',
    "{:1}",
    '{"a":1:2}',
    "{[]:1}",
    "{{}:1}",
    "{null:1}",
    '{"a"=1}',
    '{"a":NaN}',
    '{"a":-Infinity}',
    '{"a":[NaN]}',
    '{"a":[{"b":Infinity}]}',
    '{"a":[1,]}',
    '{"a":[{"b":1,}]}',
    '{"a":[{"b" 1}]}',
    '{"a":[{"b":1}',
    '{"a":[{"b":1]}',
    '{"a":[{"b":1}}',
    '{"a":[1 2]}',
    "// c\n1",
    "/* c */ 1",
    "# c\n1",
    "1 // c",
    '{"a":1 /* c */}',
    "1 2",
    "{} {}",
    "[] []",
    '"a" "b"',
    "1,",
    ",1",
    ":",
    ",",
    "\x0b1",
    "\x0c1",
    "\xa01",
    "\u20281",
    "\u00851",
    "1\ufeff",
    "[1\ufeff]",
    '{"a":[\u2028{}]}',
    "<<<<<<< a\n1",
    "{}\n=======\n{}",
    "[" * 513 + "]" * 513,
    "[" * 100,
    '{"a":' * 100,
    '{"steps":[{"a":"\t"}]}',
    '{"steps":[{"a":01}]}',
    "\ud800",
    "\x00",
    "tru",
    "truefalse",
    '{"a":tru}',
    '["\\ud8"]',
    '{"a":"b}',
    '{"a:1}',
    '{a":1}',
    '{"steps":[{}{}]}',
    '{"steps":[{},]}',
    '{"steps":[,{}]}',
)


@pytest.mark.parametrize("text", VALID, ids=lambda text: repr(text)[:40])
def test_a_valid_text_has_no_error(text: str) -> None:
    assert [p for p in Tree.parse(TextSnapshot.of(text)).problems if p.is_error] == []


@pytest.mark.parametrize("text", INVALID, ids=lambda text: repr(text)[:40])
def test_an_invalid_text_has_an_error(text: str) -> None:
    assert any(p.is_error for p in Tree.parse(TextSnapshot.of(text)).problems)


def is_json(text: str) -> bool:
    """`json.loads`, without what it takes beyond the grammar."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    try:
        json.loads(text.removeprefix("\ufeff"), parse_constant=refuse, parse_int=float)
    except ValueError:
        return False
    return True


def test_on_thousands_of_mutated_texts_the_verdict_is_that_of_a_strict_reader() -> None:
    rng = random.Random(7)
    sources = [text for text in VALID if len(text) < 200]
    marks = '{}[],:"\\0189.-+eE tfnau\n\t/*#\u2028'
    verdicts = {True: 0, False: 0}
    for _ in range(6000):
        text = rng.choice(sources)
        for _ in range(rng.randint(1, 2)):
            at = rng.randint(0, len(text))
            text = text[:at] + rng.choice(["", rng.choice(marks)]) + text[at + rng.randint(0, 1) :]
        tree = Tree.parse(TextSnapshot.of(text))
        expected = is_json(text)
        assert any(p.is_error for p in tree.problems) != expected, (text, tree.problems)
        verdicts[expected] += 1
        if expected:
            value = repr(json.loads(text.removeprefix("\ufeff")))
            assert repr(tree.value) == value.replace("inf", "1.7976931348623157e+308")
    assert min(verdicts.values()) > 500
