"""The command line: one parser, one function per command. `main` returns the exit code."""

from __future__ import annotations

import argparse
import errno
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from mplp_lsp.cli.complaints import complain, log_in_sentences, report_bug
from mplp_lsp.cli.decide_options import add_decisions, add_root, add_snapshot
from mplp_runtime.errors import MplpError

USAGE = 2
SEVERITIES = ("error", "warning", "info", "hint", "never")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. Without arguments: help on a terminal, the stdio server otherwise."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments and not _is_terminal():
        arguments = ["--stdio"]
    parser = _parser()
    if not arguments:
        parser.print_help()
        return 0
    options = parser.parse_args(arguments)
    if options.version:
        return _version(as_json=options.as_json)
    command: Callable[[argparse.Namespace], int] | None = getattr(options, "command", None)
    if command is None:
        if not _is_server(options):
            parser.print_usage(sys.stderr)
            return USAGE
        command = _serve
    else:
        # The server has a log of its own.
        log_in_sentences()
        _replace_closed_output()
    try:
        return _serve(options) if command is _serve else _with_last_output(command(options))
    except MplpError as error:
        complain(str(error))
        return USAGE
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if not _is_about_output(error):
            return report_bug(error)
        return _with_last_output(0)
    except Exception as error:
        return report_bug(error)


def _replace_closed_output() -> None:
    """`>&-` leaves no stream at all."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the whole process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _is_about_output(error: OSError) -> bool:
    """Whether standard output is what failed: errors of files name the file."""
    return error.filename is None and (
        isinstance(error, BrokenPipeError) or error.errno in {errno.ENOSPC, errno.EIO, errno.EPIPE}
    )


def _with_last_output(code: int) -> int:
    """The exit code once everything is written. A reader that has left (`head`, a pager) had the right to."""
    try:
        sys.stdout.flush()
    except OSError as error:
        # What is still in the buffer would fail once more when Python ends.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            complain(f"The output cannot be written: {error.strerror}.")
            return USAGE
    return code


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _is_server(options: argparse.Namespace) -> bool:
    return bool(options.stdio or options.pipe or options.socket or options.listen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mplp-lsp",
        description="Checks MPLP documents, runs plans, shows traces; without a command, a language server.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument(
        "--json", dest="as_json", action="store_true", help="with --version: what this runtime supports"
    )
    server = parser.add_argument_group("language server")
    server.add_argument("--stdio", action="store_true", help="speak LSP on standard input and output")
    server.add_argument(
        "--pipe", metavar="PATH", help="connect to a pipe (Unix socket) on which the client listens"
    )
    server.add_argument(
        "--socket",
        "--port",
        type=int,
        metavar="PORT",
        help="connect to a loopback port on which the client listens",
    )
    server.add_argument("--listen", metavar="HOST:PORT", help="listen for clients on a loopback address")
    server.add_argument(
        "--clientProcessId",
        type=int,
        metavar="PID",
        dest="client_process_id",
        help="leave when this process ends",
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_check(commands)
    _add_run(commands)
    _add_trace(commands)
    add_decisions(commands)
    add_snapshot(commands)
    _add_event(commands)
    _add_trust(commands)
    _add_init(commands)
    return parser


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="check documents and print what is wrong")
    check.add_argument("paths", nargs="+", metavar="PATH", help="files or folders")
    check.add_argument("--format", choices=("text", "json", "sarif", "github"), default="text", dest="form")
    check.add_argument(
        "--fail-on",
        choices=SEVERITIES,
        default="warning",
        help="exit 1 at or above this severity (default: warning)",
    )
    check.add_argument(
        "--hints",
        action="store_true",
        help="show hints too (text and github; json and sarif always hold them)",
    )

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.check import check_command

        return check_command(options.paths, form=options.form, fail_on=options.fail_on, hints=options.hints)

    check.set_defaults(command=command)


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="run a plan and show its steps live")
    run.add_argument("plan", metavar="PLAN", help="a plan document")
    run.add_argument(
        "--simulate",
        action="store_true",
        help="start nothing: walk through the plan as if every step succeeded",
    )
    run.add_argument("--yes", action="store_true", help="propose and approve the plan first, as its author")
    run.add_argument("--trust", action="store_true", help="trust this folder for this run only")
    run.add_argument("--resume", action="store_true", help="go on with the interrupted run of this plan")
    run.add_argument(
        "--anew",
        action="store_true",
        help="give up the interrupted run of this plan, and start from the beginning",
    )
    run.add_argument(
        "--repeat",
        action="store_true",
        help="with --resume: repeat steps that were under way, even if not idempotent",
    )

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.run import RunOptions, run_command

        return run_command(
            options.plan,
            RunOptions(
                simulate=options.simulate,
                yes=options.yes,
                trust=options.trust,
                resume=options.resume,
                repeat=options.repeat,
                anew=options.anew,
            ),
        )

    run.set_defaults(command=command)


def _add_trace(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    trace = commands.add_parser("trace", help="show a run and its trace")
    trace.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="a run's or trace's id, or its beginning; `last` is the newest (default)",
    )
    trace.add_argument("--json", action="store_true", dest="as_json", help="print the trace document itself")
    trace.add_argument("--list", action="store_true", dest="all_runs", help="list all runs of this project")
    trace.add_argument(
        "--otlp",
        nargs="?",
        const="",
        metavar="URL",
        help="send the run as OpenTelemetry spans to a collector (default: OTEL_EXPORTER_OTLP_ENDPOINT, "
        "else this machine's)",
    )
    trace.add_argument(
        "--evidence", metavar="DIR", help="write the trace and its events as files other MPLP tools read"
    )
    add_root(trace)

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.trace import trace_command
        from mplp_lsp.cli.trace_export import export_command

        if options.otlp is not None or options.evidence is not None:
            return export_command(
                options.run, root=options.root, otlp=options.otlp, evidence=options.evidence
            )
        return trace_command(
            options.run, root=options.root, as_json=options.as_json, all_runs=options.all_runs
        )

    trace.set_defaults(command=command)


def _add_event(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    event = commands.add_parser(
        "event", help="take in integration events: changed files, git, CI runs, calls of tools"
    )
    event.add_argument(
        "path",
        metavar="PATH",
        help="a file with one event, a list of events, or one a line; - for standard input",
    )
    event.add_argument(
        "--source", default="command-line", help="who saw the events, where they do not say it themselves"
    )
    event.add_argument("--root", default=".", help="a folder of the project (default: the current one)")

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.event import event_command

        return event_command(options.path, source=options.source, root=options.root)

    event.set_defaults(command=command)


def _add_trust(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    trust = commands.add_parser("trust", help="allow plans of a folder to start processes")
    trust.add_argument("folder", metavar="DIR")
    trust.add_argument("--remove", action="store_true", help="take the trust back")

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.trust import trust_command

        return trust_command(options.folder, remove=options.remove)

    trust.set_defaults(command=command)


def _add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    init = commands.add_parser("init", help="write a small working project to start from")
    init.add_argument("folder", nargs="?", default=".", metavar="DIR")

    def command(options: argparse.Namespace) -> int:
        from mplp_lsp.cli.init import init_command

        return init_command(options.folder)

    init.set_defaults(command=command)


def _version(*, as_json: bool) -> int:
    from mplp_lsp.version import VERSION, declaration

    print(json.dumps(declaration(), indent=2) if as_json else f"mplp-lsp {VERSION}")
    return 0


def _serve(options: argparse.Namespace) -> int:
    from mplp_lsp.server.transports import serve

    return serve(
        pipe=options.pipe,
        port=options.socket,
        listen=options.listen,
        client_process_id=options.client_process_id,
    )
