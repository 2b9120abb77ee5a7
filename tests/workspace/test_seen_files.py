"""Names of files that were there, and an end to how many are kept."""

from __future__ import annotations

from pathlib import Path

from mplp_lsp.server.seen_files import SeenFiles


def test_opening_files_under_ever_new_names_forgets_the_oldest() -> None:
    seen = SeenFiles(most=3)
    root = Path("/work").absolute()
    seen.update(root / f"{number}.json" for number in range(100))
    seen.add(root / "97.json")
    seen.add(root / "100.json")
    assert len(seen) == 3
    assert [number for number in range(101) if root / f"{number}.json" in seen] == [97, 99, 100]


def test_a_folder_holds_its_files_at_any_depth_and_not_those_of_its_namesake() -> None:
    seen = SeenFiles()
    root = Path("/work").absolute()
    seen.update([root / "a" / "2", root / "a" / "b" / "1", root / "ab" / "3"])
    assert seen.below(root / "a") == [root / "a" / "2", root / "a" / "b" / "1"]
    seen.discard(root / "a" / "2")
    assert seen.below(root / "a") == [root / "a" / "b" / "1"]
