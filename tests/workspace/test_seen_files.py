"""Names of files that were there, and an end to how many are kept."""

from __future__ import annotations

from pathlib import Path

from mplp_lsp.server.seen_files import SeenFiles, listing_of


def test_opening_files_under_ever_new_names_forgets_the_oldest() -> None:
    seen = SeenFiles(most=3)
    root = Path("/work").absolute()
    for number in range(100):
        seen.add(root / f"{number}.json")
    seen.add(root / "97.json")
    seen.add(root / "100.json")
    assert len(seen) == 3
    assert [number for number in range(101) if root / f"{number}.json" in seen] == [97, 99, 100]


def test_a_folder_holds_its_files_at_any_depth_and_not_those_of_its_namesake() -> None:
    seen = SeenFiles()
    root = Path("/work").absolute()
    for name in ("a/2", "a/b/1", "ab/3"):
        seen.add(root / name)
    assert seen.below(root / "a") == [root / "a" / "2", root / "a" / "b" / "1"]
    seen.discard(root / "a" / "2")
    assert seen.below(root / "a") == [root / "a" / "b" / "1"]


def test_what_a_scan_listed_is_known_until_it_is_gone_and_again_when_it_is_back() -> None:
    seen = SeenFiles()
    root = Path("/work").absolute()
    seen.add(root / "old.md")
    seen.listed(root, listing_of(root, ["a.md", "deep/b.md", "deep/er/c.md", "deeper/d.md", "z.md"]))
    assert len(seen) == 6
    assert root / "a.md" in seen
    assert root / "deep" not in seen
    assert root / "md" not in seen
    assert seen.below(root / "deep") == [root / "deep/b.md", root / "deep/er/c.md"]
    seen.discard(root / "deep/b.md")
    assert root / "deep/b.md" not in seen
    seen.add(root / "deep/new.md")
    assert seen.below(root / "deep") == [root / "deep/er/c.md", root / "deep/new.md"]
    seen.add(root / "deep/b.md")
    assert root / "deep/b.md" in seen
    seen.discard(root / "a.md")
    seen.listed(root, listing_of(root, ["a.md", "deep/new.md"]))
    assert [name for name in ("a.md", "old.md", "deep/new.md", "z.md") if root / name in seen] == [
        "a.md",
        "old.md",
        "deep/new.md",
    ]
    assert len(seen) == 3
