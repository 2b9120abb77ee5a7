"""The words and flags of the decisions about a run, and of snapshots; what they do is in other modules."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from mplp_runtime.errors import MplpError

Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse names the type of what it returns only so


def add_decisions(commands: Subparsers[argparse.ArgumentParser]) -> None:
    """Adds `cancel`, `pause`, `resume`, `retry`, `skip`, `answer`, `rollback` and `drift`."""
    _command(commands, "cancel", "end a run, or give up an interrupted one")
    _command(commands, "pause", "begin nothing more in a run until it is resumed")
    resume = _command(commands, "resume", "go on with a paused or interrupted run")
    resume.add_argument(
        "--repeat",
        action="store_true",
        help="repeat steps that were under way when it was interrupted, even if not idempotent",
    )
    retry = _command(commands, "retry", "try a failed step again, and what waits for it")
    _add_step(retry, "default: the only one that failed")
    _add_yes(retry)
    skip = _command(commands, "skip", "go on without a step")
    _add_step(skip, "default: the only one that failed")
    skip.add_argument("--reason", default="", metavar="TEXT", help="why, for the trace")
    _add_yes(skip)
    _add_answer(commands)
    rollback = _command(commands, "rollback", "take back what the file operations of a run did")
    rollback.add_argument("--force", action="store_true", help="also where a later run went on from this one")
    drift = _command(
        commands, "drift", "say which files are not what a run relied on or left", default="last"
    )
    drift.add_argument(
        "step", nargs="?", metavar="FILE", help="one file, relative to the project (default: all)"
    )
    drift.add_argument("--accept", action="store_true", help="the changes are meant: the run expects them so")


def add_snapshot(commands: Subparsers[argparse.ArgumentParser]) -> None:
    """Adds `snapshot`."""
    about = "keep a project's state, graph and files, or bring them back"
    parser = commands.add_parser("snapshot", help=about, description=_sentence(about))
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--label", default="", metavar="TEXT", help="a few words to know the new one by")
    what.add_argument(
        "--list", action="store_true", dest="all_kept", help="list what is kept, the newest first"
    )
    what.add_argument(
        "--restore",
        metavar="ID",
        help="bring one back: its id, the beginning of it, or `last`; how it is now is kept first",
    )
    _add_place(parser)

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.snapshot import snapshot_command

        return snapshot_command(
            root=options.root,
            label=options.label,
            restore=options.restore,
            all_kept=options.all_kept,
            trust=options.trust,
        )

    parser.set_defaults(command=command)


def _add_answer(commands: Subparsers[argparse.ArgumentParser]) -> None:
    answer = _command(commands, "answer", "answer what a run asks; without --yes or --no: say what it asks")
    _add_step(answer, "default: the only one that asks")
    said = answer.add_mutually_exclusive_group()
    said.add_argument(
        "--yes", dest="success", action="store_const", const=True, help="it is done; it may start"
    )
    said.add_argument("--no", dest="success", action="store_const", const=False, help="it failed; it may not")
    said.add_argument("--repeat", action="store_true", help="run a step again that was interrupted")
    answer.add_argument(
        "--output", default="", metavar="TEXT", help="what came out of it, or the name that was asked for"
    )


def _command(
    commands: Subparsers[argparse.ArgumentParser],
    name: str,
    about: str,
    *,
    default: str | None = None,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=about, description=_sentence(about))
    told = "a run's id, or its beginning; `last` is the newest"
    if default is None:
        parser.add_argument("run", metavar="RUN", help=told)
    else:
        parser.add_argument(
            "run", nargs="?", default=default, metavar="RUN", help=f"{told} (default: {default})"
        )
    _add_place(parser)
    parser.set_defaults(command=_doing("roll_back" if name == "rollback" else name))
    return parser


def add_root(parser: argparse.ArgumentParser) -> None:
    """Adds `--root`, for commands that are about the project of a folder."""
    parser.add_argument(
        "--root", metavar="DIR", default=".", help="a folder of the project (default: this one)"
    )


def _add_place(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("--trust", action="store_true", help="trust this folder for this call only")


def _add_step(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument(
        "step", nargs="?", metavar="STEP", help=f"a step's id, its beginning, or what it does ({default})"
    )


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--yes", action="store_true", help="where the run is over: propose and approve the plan first"
    )


def _doing(name: str) -> Callable[[argparse.Namespace], int]:
    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli import decide
        from mplp_lsp.cli.deciding import Decided

        if getattr(options, "step", None) == "":
            raise MplpError("The name of the step or file is empty.")
        given = {key: value for key, value in vars(options).items() if key in Decided.__slots__}
        done: int = getattr(decide, name)(Decided(**given))
        return done

    return command


def _sentence(about: str) -> str:
    return f"{about[0].upper()}{about[1:]}."
