"""The server's text is the editor's text, whatever is typed, in every encoding (E2)."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.protocol.client import PLAIN, ServerUnderTest, environment

PIECES = [
    "a", "Z", "7", " ", "{", "}", '"', ":", ",", "[", "]", "\\", "\n", "\r\n", "\r", "\t",
    "é", "ß", "中", "𝄞", "🙂", "👩‍🚀", "\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\ufeff", "",
]  # fmt: skip


def split_lines(text: str) -> list[str]:
    lines, current, index = [], "", 0
    while index < len(text):
        character = text[index]
        current += character
        index += 1
        if character == "\r" and index < len(text) and text[index] == "\n":
            current += "\n"
            index += 1
        if character in "\r\n":
            lines.append(current)
            current = ""
    return [*lines, current]


def units(text: str, encoding: str) -> int:
    if encoding == "utf-32":
        return len(text)
    return len(text.encode("utf-16-le")) // 2 if encoding == "utf-16" else len(text.encode())


class Buffer:
    """The editor's side, written in the plainest way."""

    def __init__(self, text: str, encoding: str) -> None:
        self.text = text
        self.encoding = encoding

    def place(self, offset: int) -> dict[str, int]:
        start = 0
        lines = split_lines(self.text)
        for number, line in enumerate(lines):
            if offset < start + len(line) or number == len(lines) - 1:
                return {"line": number, "character": units(line[: offset - start], self.encoding)}
            start += len(line)
        raise AssertionError

    def edited(self, source: random.Random) -> dict[str, Any]:
        start = source.randrange(len(self.text) + 1)
        end = min(len(self.text), start + source.choice([0, 0, 0, 1, 2, 30]))
        new = "".join(source.choice(PIECES) for _ in range(source.choice([0, 1, 1, 5])))
        # Between CR and LF there is no place that a position could name.
        if 0 < start < len(self.text) and self.text[start - 1 : start + 1] == "\r\n":
            start -= 1
        if 0 < end < len(self.text) and self.text[end - 1 : end + 1] == "\r\n":
            end += 1
        where = {"start": self.place(start), "end": self.place(end)}
        if end == len(self.text) and source.random() < 0.3:
            where["end"] = {"line": where["end"]["line"], "character": where["end"]["character"] + 1000}
        self.text = self.text[:start] + new + self.text[end:]
        return {"range": where, "text": new}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.plan.json", "a.events.ndjson", "mplp.toml", "notes.txt"])
def test_random_edits_leave_both_sides_with_the_same_text(tmp_path: Path, encoding: str, name: str) -> None:
    source = random.Random(f"{encoding} {name}")
    capabilities = {**PLAIN, "general": {"positionEncodings": [encoding]}}
    env = environment(tmp_path / "home", MPLP_LSP_DEBUG="1")
    with ServerUnderTest(capabilities=capabilities, env=env) as server:
        client = server.client
        result = client.initialize(tmp_path)
        assert result["capabilities"]["positionEncoding"] == encoding
        assert "mplp.debug.text" in result["capabilities"]["executeCommandProvider"]["commands"]
        uri = (tmp_path / name).as_uri()
        buffer = Buffer('{"a": "x\u2028y",\n"b": 1}\n', encoding)
        client.open(uri, buffer.text)
        for version in range(2, 202):
            if len(buffer.text) > 2_000:
                buffer.text = '{"fresh": 1}'
                client.change(uri, version, {"text": buffer.text})
                continue
            client.change(uri, version, *[buffer.edited(source) for _ in range(source.choice([1, 1, 3]))])
            if version % 10 == 0:
                held = client.request(
                    "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": uri}]}
                )
                assert held == buffer.text, version
        held = client.request(
            "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": uri}]}
        )
        assert held == buffer.text


def test_a_line_separator_inside_a_string_is_no_line(tmp_path: Path) -> None:
    """P1, P2: an edit below U+2028, and one past the end of a line."""
    with ServerUnderTest(env=environment(tmp_path / "home", MPLP_LSP_DEBUG="1")) as server:
        client = server.client
        client.initialize(tmp_path)
        uri = (tmp_path / "a.plan.json").as_uri()
        client.open(uri, '{"a":"x\u2028y",\n"b":1}')
        where = {"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 5}}
        client.change(uri, 2, {"range": where, "text": "22"})
        where = {"start": {"line": 1, "character": 99}, "end": {"line": 1, "character": 99}}
        client.change(uri, 3, {"range": where, "text": "\n"})
        held = client.request(
            "workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{"uri": uri}]}
        )
        assert held == '{"a":"x\u2028y",\n"b":22}\n'


def test_the_debug_command_is_there_only_for_tests(tmp_path: Path) -> None:
    with ServerUnderTest(env=environment(tmp_path / "home")) as server:
        client = server.client
        result = client.initialize()
        assert "mplp.debug.text" not in result["capabilities"]["executeCommandProvider"]["commands"]
        assert (
            client.error_of("workspace/executeCommand", {"command": "mplp.debug.text", "arguments": [{}]})
            == -32602
        )
