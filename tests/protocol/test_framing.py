"""The header layer, against bytes that no well-behaved client sends."""

from __future__ import annotations

import json
import random

import pytest

from mplp_lsp.server.framing import Frames, FramingFault, framed
from mplp_lsp.server.outbox import LARGE_BYTES, Outbox
from tests.protocol.client import ServerUnderTest


def cut(data: bytes, step: int = 10_000) -> list[bytes | str]:
    frames = Frames()
    found: list[bytes | str] = []
    for start in range(0, len(data), step):
        frames.feed(data[start : start + step])
        while (item := frames.next()) is not None:
            found.append("fault" if isinstance(item, FramingFault) else item)
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: 2\r\n\r\n",
        b"content-length: 2\r\n\r\n",
        b"CONTENT-LENGTH:2\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: 2\r\n\r\n",
        b"Content-Length: 2\r\nContent-Type: x\r\n\r\n",
        b"Content-Length : 2 \r\n\r\n",
        b"Content-Length: 2\n\n",
        b"\r\n\r\nContent-Length: 2\r\n\r\n",
        b"noise\r\nContent-Length: 2\r\n\r\n",
        b"}}Content-Length: 2\r\n\r\n",
    ],
)
def test_a_header_is_found_however_it_is_written(header: bytes, step: int) -> None:
    assert cut(header + b"{}" + framed(b"[]"), step) == [b"{}", b"[]"]


@pytest.mark.parametrize(
    "length",
    [b"", b"-5", b"abc", b"1e3", b"12abc", b"0x10", b"9" * 12, b"9" * 5000, str(2**63).encode(), b"+2"],
)
def test_an_unusable_length_is_one_fault_and_the_next_message_is_read(length: bytes) -> None:
    found = cut(b"Content-Length: " + length + b"\r\n\r\n" + b'{"lost": 1}' + framed(b"{}"))
    assert found == ["fault", b"{}"]


def test_an_endless_header_is_refused_without_keeping_it() -> None:
    frames = Frames()
    frames.feed(b"x" * 200_000)
    assert isinstance(frames.next(), FramingFault)
    assert frames.buffered_bytes < 1_000
    frames.feed(framed(b"{}"))
    assert frames.next() == b"{}"


def test_a_body_shorter_than_announced_costs_only_itself() -> None:
    frames = Frames()
    sound = framed(b'{"next": true}')
    frames.feed(b"Content-Length: 40\r\n\r\n" + b'{"short": 1}' + sound)
    body = frames.next()
    assert isinstance(body, bytes)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)
    frames.recover(body)
    assert frames.next() == b'{"next": true}'


def test_random_noise_between_messages_never_raises() -> None:
    source = random.Random(7)
    alphabet = [
        b"Content-Length: ",
        b"\r\n",
        b"\r\n\r\n",
        b"{}",
        b"5",
        b"99999999999999",
        b"\xff\x00",
        b"x",
        b":",
    ]
    for _ in range(300):
        cut(b"".join(source.choice(alphabet) for _ in range(source.randrange(60))), source.randrange(1, 9))


MALFORMED = [
    pytest.param(b"Content-Length: 1000000000000\r\n\r\n", -32700, id="absurd length"),
    pytest.param(b"Content-Length: nonsense\r\n\r\n", -32700, id="length is a word"),
    pytest.param(b"Content-Type: x\r\n\r\n", -32700, id="no length"),
    pytest.param(framed(b""), -32700, id="empty body"),
    pytest.param(framed(b"{"), -32700, id="cut JSON"),
    pytest.param(framed(b"\xff\xfe\xfd"), -32700, id="not UTF-8"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":1,"method":"shutdown","params":NaN}'), -32700, id="NaN"),
    pytest.param(framed(b"[" * 100_000), -32700, id="deep"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b"}"), -32700, id="long number"),
    pytest.param(framed(b"[]"), -32600, id="batch"),
    pytest.param(framed(b"7"), -32600, id="number"),
    pytest.param(framed(b"null"), -32600, id="null"),
    pytest.param(framed(b"{}"), -32600, id="empty object"),
    pytest.param(framed(b'{"jsonrpc":"1.0","id":5,"method":"shutdown"}'), -32600, id="old version"),
    pytest.param(framed(b'{"id":5,"method":"shutdown"}'), -32600, id="no version"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":5}'), -32600, id="no method"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":5,"method":7}'), -32600, id="method is a number"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":null,"method":"shutdown"}'), -32600, id="id is null"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":{},"method":"shutdown"}'), -32600, id="id is an object"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":1.5,"method":"shutdown"}'), -32600, id="id is a fraction"),
    pytest.param(framed(b'{"jsonrpc":"2.0","id":true,"method":"shutdown"}'), -32600, id="id is a boolean"),
]


def test_malformed_bytes_are_answered_and_survived() -> None:
    with ServerUnderTest() as server:
        client = server.client
        client.initialize()
        for case in MALFORMED:
            data, code = case.values
            seen = len(client.answers.get(None, []) + client.answers.get(5, []))
            client._sent.add(5)
            client.wire.send_bytes(data)
            client.wait(
                lambda seen=seen: len(client.answers.get(None, []) + client.answers.get(5, [])) > seen,
                f"an answer to {case.id}",
            )
            newest = [*client.answers.pop(5, []), *client.answers.pop(None, [])][-1]
            assert newest["error"]["code"] == code, (case.id, newest)
        assert client.error_of("no/suchMethod") == -32601


def test_a_nested_object_that_looks_like_a_message_is_only_data() -> None:
    """P8: pygls structures every nested object that has a `jsonrpc` member."""
    with ServerUnderTest() as server:
        client = server.client
        client.initialize()
        params = {"command": "mplp.nothing", "arguments": [{"jsonrpc": "2.0", "id": 3, "method": "exit"}]}
        assert client.error_of("workspace/executeCommand", params) == -32602


class KeptWrites:
    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


@pytest.mark.parametrize("size", [2, LARGE_BYTES, LARGE_BYTES + 1])
def test_a_message_of_any_size_leaves_whole_and_a_large_one_without_being_copied(size: int) -> None:
    sink, body = KeptWrites(), b"x" * size
    assert Outbox(sink).send(body)
    assert b"".join(sink.writes) == framed(body)
    assert any(written is body for written in sink.writes) == (size > LARGE_BYTES)
