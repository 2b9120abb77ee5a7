"""A process that is killed as with kill -9, after it has said so much."""

from __future__ import annotations

import subprocess


def lines_until_killed(process: subprocess.Popen[bytes], killed_after: int) -> bytes:
    """What it said on its standard output until it was gone; it is killed after that many lines.

    Fails where it ends before it has said so much.
    """
    assert process.stdout is not None
    output = b""
    while output.count(b"\n") < killed_after:
        more = process.stdout.read1()
        assert more, f"it ended by itself, with {process.wait(60)}, after {output.decode()!r}"
        output += more
    process.kill()
    output += process.stdout.read()
    process.wait(60)
    process.stdout.close()
    return output
