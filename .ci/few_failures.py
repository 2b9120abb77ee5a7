"""Ends with 1 unless only a few tests have failed; names them. Reads one test id from each line."""

import sys
from pathlib import Path

MOST = 5

failed = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
if not 0 < len(failed) <= MOST:
    sys.exit(f"{len(failed)} tests failed; only 1 to {MOST} are run again")
sys.stdout.write("\n".join(["these are run again, alone:", *failed, ""]))
