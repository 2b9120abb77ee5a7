from __future__ import annotations

import os
from pathlib import Path

from mplp_runtime.disk import decoded, read_head, stamp_of


def test_utf8_is_read_as_it_stands() -> None:
    assert decoded("aä😀\r\n".encode()).text == "aä😀\r\n"
    assert decoded(b"").fault is None


def test_the_first_bad_byte_is_told_with_its_place() -> None:
    found = decoded('{"ä": "'.encode() + b"\xff" + b'"}')
    assert found.fault is not None
    offset, sentence = found.fault
    assert offset == 7
    assert "0xff" in sentence
    assert found.text == '{"ä": "\ufffd"}'


def test_utf16_is_read_and_reported() -> None:
    found = decoded("\ufeff{}".encode("utf-16-le"))
    assert found.text == "{}"
    assert found.fault is not None
    assert "UTF-16" in found.fault[1]


def test_a_byte_order_mark_stays_for_the_text_layer_to_report() -> None:
    assert decoded(b"\xef\xbb\xbf{}").text == "\ufeff{}"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    fifo = tmp_path / "pipe"
    os.mkfifo(fifo)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "file")
    (tmp_path / "file").write_bytes(b"abc")
    assert read_head(fifo, 10) is None
    assert read_head(tmp_path, 10) is None
    assert read_head(tmp_path / "absent", 10) is None
    assert read_head(link, 10, follow_links=False) is None
    head = read_head(link, 2)
    assert head is not None
    assert head[0] == b"ab"
    assert stamp_of(fifo) is None
    assert stamp_of(link, follow_links=False) is None
    assert stamp_of(link) == stamp_of(tmp_path / "file")
