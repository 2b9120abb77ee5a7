"""Three steps that only do file operations: one writes over a file, one makes one, one moves one."""

from __future__ import annotations

from pathlib import Path

from tests.runtime.orchestrator.projects import step, table


def files(name: str, operation: str, **settings: object) -> str:
    """The binding of a role to a file operation."""
    return table(f"roles.{name}", action="file_operation", operation=operation, **settings)


FILES = (
    files("writer", "write", target="notes.txt", content="new")
    + files("maker", "write", target="out/deep/report.txt", content="report")
    + files("mover", "move", source="draft.txt", target="final.txt")
)
FILE_STEPS = (step("w", role="writer"), step("m", "w", role="maker"), step("v", "m", role="mover"))


def contents(root: Path) -> dict[str, str]:
    """The texts of the project's `.txt` files."""
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in sorted(root.rglob("*.txt"))
        if ".mplp" not in path.parts
    }
