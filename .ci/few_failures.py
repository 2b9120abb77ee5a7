"""Ends with 1 unless a few tests, and nothing else, have failed; names them."""

import json
import sys
from pathlib import Path

MOST = 5

path = Path(sys.argv[1])
failed = sorted(json.loads(path.read_text())) if path.exists() else []
if not 0 < len(failed) <= MOST:
    sys.exit(f"{len(failed)} tests failed; only 1 to {MOST} are run again")
sys.stdout.write("\n".join(["these are run again, alone:", *failed, ""]))
