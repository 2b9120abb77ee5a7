"""What real editors announce: captured where we run them, else put together from what they document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("profiles")


@dataclass(frozen=True)
class Profile:
    """One editor: `word` for test names, `client` for people, and the capabilities of its `initialize`."""

    word: str
    client: str
    source: str
    capabilities: Mapping[str, Any]

    def has(self, path: str) -> bool:
        """Whether the member at a dotted path is announced, as an object or as true."""
        value: Any = self.capabilities
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return value is not None and value is not False


def profiles() -> list[Profile]:
    """All of them, by word."""
    found = []
    for path in sorted(FOLDER.glob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        found.append(Profile(path.stem, value["client"], value["source"], value["capabilities"]))
    return found
