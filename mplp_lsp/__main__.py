"""`mplp-lsp` and `python -m mplp_lsp`: the command line, nothing else."""

from __future__ import annotations

import sys


def main() -> int:
    """The exit code of the command line in `sys.argv`."""
    from mplp_lsp.cli.main import main as command_line

    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
