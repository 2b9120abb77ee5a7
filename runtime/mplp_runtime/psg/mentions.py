"""Which steps speak of a file or a commit: what happens outside becomes part of them (seed 2, 4.1 and 4.2).

A step's edges of the kinds `file` and `commit` lead to the files that it names, and to the commits that name
it. They come with the event that tells of the file or commit; no document says the same.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping

from mplp_runtime.psg.files import FILE
from mplp_runtime.vsl.interface import Edge, Json, Reading, Transaction

FILE_EDGE, COMMIT_EDGE = "file", "commit"
WRITES_EDGE = "writes"
"""From a step to a file that a file operation of it wrote last, whether or not its text names the file."""
_QUOTES = ("``", '""', "''", "“”", "‘’", "„“", "«»")
_KNOWN_NAMES = frozenset(
    (
        *("Makefile", "GNUmakefile", "makefile", "Justfile", "justfile", "Rakefile", "Gemfile", "Pipfile"),
        *("Dockerfile", "Containerfile", "Jenkinsfile", "Vagrantfile", "Procfile", "Brewfile", "Caddyfile"),
        *("README", "LICENSE", "LICENCE", "COPYING", "CHANGELOG", "CODEOWNERS", "AUTHORS"),
    )
)
"""Files without an ending that everybody calls by their bare name; written so, they mean nothing else."""
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def texts_of(value: Json) -> Iterator[str]:
    """Every text in a JSON value, keys aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from texts_of(member)
    elif isinstance(value, list):
        for entry in value:
            yield from texts_of(entry)


def path_pattern(path: str) -> re.Pattern[str]:
    """Finds a path where it stands for itself.

    >>> pattern = path_pattern("src/a.py")
    >>> [bool(pattern.search(text)) for text in ("Format src/a.py.", "lib/src/a.py", "src/a.py.bak")]
    [True, False, False]

    A name that may just as well be a word counts where it is marked as a name: in quotes, or behind `./`.

    >>> pattern = path_pattern("build")
    >>> [bool(pattern.search(text)) for text in ("Run the build", "Run `build`", "Run ./build.")]
    [False, True, True]
    """
    name = re.escape(path)
    if _may_be_word(path):
        quoted = "|".join(f"{marks[0]}{name}{marks[1]}" for marks in _QUOTES)
        return re.compile(rf"{quoted}|(?<![\w./-])\./{name}(?![\w/-]|\.\w)")
    return re.compile(rf"(?<![\w./-])(?:\./)?{name}(?![\w/-]|\.\w)")


def _may_be_word(path: str) -> bool:
    """Whether a text that has this may mean something else: neither a folder nor an ending is in it."""
    return not (set(path) & {"/", "."}) and path not in _KNOWN_NAMES


def step_texts(reading: Reading) -> dict[str, str]:
    """All that each step says, by its id."""
    return {node.id: "\n".join(texts_of(dict(node.data))) for node in reading.nodes("Step")}


class StepTexts:
    """The texts of all steps, read once for all events of files between which nothing else happens.

    Reading ten thousand steps takes a tenth of a second, and while a run goes on much happens in between: of
    more than `exact_up_to` steps the texts may be `pause_s` old. What a file then misses comes with its next
    event.
    """

    def __init__(
        self,
        *,
        exact_up_to: int = 2_000,
        pause_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._exact_up_to = exact_up_to
        self._pause_s = pause_s
        self._monotonic = monotonic
        self._texts: dict[str, str] = {}
        self._read_at_s: float | None = None
        self._known_at: int | None = None
        self._ended_at: int | None = None
        self._reader: Transaction | None = None

    def begin(self, transaction: Transaction) -> None:
        """Says that an event of a file comes; nothing of it is recorded yet."""
        lamport = transaction.lamport()
        # Several units of work share one transaction, and between two of them steps may have been written.
        if self._known_at == lamport or (self._reader is transaction and self._ended_at == lamport):
            self._reader = transaction
            return
        self._reader = None
        is_fresh = self._read_at_s is not None and self._monotonic() - self._read_at_s < self._pause_s
        if is_fresh and len(self._texts) > self._exact_up_to:
            self._reader = transaction

    def naming(self, transaction: Transaction, path: str) -> list[str]:
        """The ids of the steps whose texts name a file, in the order they were made."""
        if self._reader is not transaction:
            self._texts, self._reader = step_texts(transaction), transaction
            # Whether these hold is known once they are committed.
            self._known_at = None
            self._read_at_s = self._monotonic()
        pattern = path_pattern(path)
        return [step_id for step_id, text in self._texts.items() if path in text and pattern.search(text)]

    def end(self, transaction: Transaction) -> None:
        """Says that nothing more of the event is recorded: until the next one the texts stay as they are.

        Only what is committed counts: a Lamport time of work that was undone is given again.
        """
        if self._reader is not transaction:
            return
        lamport = self._ended_at = transaction.lamport()

        def committed() -> None:
            self._known_at, self._reader = lamport, None

        transaction.after_commit(committed)


def file_edges(transaction: Transaction, texts: StepTexts, path: str) -> tuple[list[Edge], list[Edge]]:
    """The edges that a file's node should have and lacks, and those it has and should not."""
    wanted = dict.fromkeys(
        Edge(FILE_EDGE, "Step", step_id, FILE, path) for step_id in texts.naming(transaction, path)
    )
    present = dict.fromkeys(transaction.edges(kind=FILE_EDGE, target=(FILE, path)))
    # Of many steps the texts may be those of a few seconds ago, and a step may be gone by now.
    lacking = [
        edge
        for edge in wanted
        if edge not in present and transaction.read_node("Step", edge.source_id) is not None
    ]
    return lacking, [edge for edge in present if edge not in wanted]


def commit_edges(reading: Reading, commit: tuple[str, str], message: Json) -> list[Edge]:
    """Edges from the steps whose ids a commit's message names, as in a trailer `Step: <id>`."""
    if not isinstance(message, str):
        return []
    named = dict.fromkeys(found.lower() for found in _ID.findall(message))
    steps = [step_id for step_id in named if reading.read_node("Step", step_id) is not None]
    return [Edge(COMMIT_EDGE, "Step", step_id, *commit) for step_id in steps]


def note_writers(transaction: Transaction, plan_id: str, writers: Mapping[str, str]) -> tuple[int, int]:
    """Edges from steps of a plan to the files that they wrote, by path; how many came and how many went.

    A file has one such edge from each plan: the step that wrote it last.
    """
    added = gone = 0
    for path, step_id in writers.items():
        if transaction.read_node(FILE, path) is None or transaction.read_node("Step", step_id) is None:
            continue
        wanted = Edge(WRITES_EDGE, "Step", step_id, FILE, path)
        for edge in transaction.edges(kind=WRITES_EDGE, target=(FILE, path)):
            step = transaction.read_node("Step", edge.source_id)
            if edge != wanted and step is not None and step.data.get("plan_id") == plan_id:
                gone += transaction.remove_edge(edge)
        added += transaction.add_edge(wanted)
    return added, gone
