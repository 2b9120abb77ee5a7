"""Words for the repairs of mplp.toml that the reader of the text finds itself."""

from __future__ import annotations

_LONGEST_SHOWN = 60
_INSERTED = {
    '"': "Insert the missing quote",
    '"""': 'Insert `"""`',
    ",": "Insert a comma",
    ".": "Insert a dot",
    "\n": "Start a new line here",
}
_REMOVED = {
    '"': "Remove the quote",
    ",": "Remove the comma",
    "\n": "Join the two lines",
    "\ufeff": "Remove the byte order mark",
    **dict.fromkeys("{}[]", "Remove the bracket"),
}


def title_of_toml_repair(wrong: str, right: str) -> str:
    """What the menu says of an edit that puts `right` in the place of `wrong`; either may be empty."""
    if not wrong:
        return _INSERTED.get(right) or f"Insert {_shown(right)}"
    if not right.strip(" "):
        return _REMOVED.get(wrong.replace("\r", "").strip(" ") or wrong[-1:]) or f"Remove {_shown(wrong)}"
    if right == "\n":
        return f"Start a new line instead of {_shown(wrong)}"
    if right[0] == "{":
        return "Write the table on one line"
    return f"Change {_shown(wrong)} to {_shown(right)}"


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return f"`{flat if len(flat) <= _LONGEST_SHOWN else flat[: _LONGEST_SHOWN - 1] + '…'}`"
