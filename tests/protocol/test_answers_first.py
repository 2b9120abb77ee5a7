"""Findings come behind the answer to a question that follows a change, and never get lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from mplp_lsp.server.answers_first import AnswersFirst
from mplp_lsp.server.process import ServerProcess
from mplp_lsp.workspace.store import Update
from tests.protocol.in_process import Editor
from tests.protocol.test_answering import bench
from tests.protocol.test_forgetting import TEXT, until

LIMIT_S = 20.0


class Looker:
    """What was looked at, as URIs and versions."""

    def __init__(self) -> None:
        self.looks: list[list[tuple[str, object, object]]] = []
        self.first = AnswersFirst(asyncio.get_running_loop(), self.look)

    def look(self, updates: Sequence[Update]) -> None:
        self.looks.append(
            [
                (one.uri[-3:], one.before and one.before.version, one.after and one.after.version)
                for one in updates
            ]
        )


def updates_of(tmp_path: Path, *versions: int) -> list[Update]:
    made = bench(tmp_path)
    uri = (tmp_path / "a.plan.json").as_uri()
    return [made.workspace.change(uri, version, [(None, "{}")])[0] for version in versions]


async def test_without_a_question_everything_is_looked_at_at_once(tmp_path: Path) -> None:
    looker = Looker()
    looker.first.changed(updates_of(tmp_path, 2))
    assert looker.looks == [[("son", 1, 2)]]


async def test_an_answer_that_is_there_leaves_before_the_look(tmp_path: Path) -> None:
    looker = Looker()
    with looker.first.question():
        looker.first.changed(updates_of(tmp_path, 2))
    assert looker.first.answered("answer") == "answer"
    assert looker.looks == []
    await asyncio.sleep(0)
    assert looker.looks == [[("son", 1, 2)]]


async def test_an_answer_that_takes_long_does_not_keep_the_look_waiting(tmp_path: Path) -> None:
    looker = Looker()
    answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with looker.first.question():
        looker.first.changed(updates_of(tmp_path, 2))
    later = looker.first.answered(answer)
    assert isinstance(later, asyncio.Future) or asyncio.iscoroutine(later)
    waiting = asyncio.ensure_future(later)

    async def looked() -> None:
        while not looker.looks:
            await asyncio.sleep(0.001)

    await asyncio.wait_for(looked(), LIMIT_S)
    assert not waiting.done()
    answer.set_result("answer")
    assert await waiting == "answer"
    assert looker.looks == [[("son", 1, 2)]]


async def test_what_changed_twice_is_looked_at_once_and_in_order(tmp_path: Path) -> None:
    looker = Looker()
    first, second, third = updates_of(tmp_path, 2, 3, 4)
    with looker.first.question():
        looker.first.changed([first])
        looker.first.changed([second])
    assert [one.uri for one in looker.first.waiting] == [first.uri]
    looker.first.changed([third])
    assert looker.looks == [[("son", 1, 3)], [("son", 3, 4)]]


async def test_a_change_a_question_and_a_change_end_with_the_findings_of_the_last_text(
    tmp_path: Path,
) -> None:
    process = ServerProcess()
    editor = Editor(process, tmp_path)
    uri = editor.open("a.plan.json", TEXT)
    await until(lambda: b'"version":1' in editor.sink.data)
    place = {"line": 0, "character": 0}
    for version in range(2, 12):
        change = {"range": {"start": place, "end": place}, "text": "\n"}
        editor.send(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [change]},
        )
        asked = {"textDocument": {"uri": uri}, "position": place}
        editor.send("textDocument/hover", asked, id=version)
    await until(lambda: b'"version":11' in editor.sink.data and b'"id":11,' in editor.sink.data)
    editor.session.close()
    await process.close()
