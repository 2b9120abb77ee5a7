from __future__ import annotations

import pytest

from mplp_lsp.workspace.globs import matches


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("*.json", "a/b/x.json", True),
        ("a/*.json", "a/x.json", True),
        ("a/*.json", "a/b/x.json", False),
        ("a/**/*.json", "a/x.json", True),
        ("a/**/*.json", "a/b/c/x.json", True),
        ("**/x.json", "x.json", True),
        ("old/", "old/a/b.json", True),
        ("old/**", "older/a.json", False),
        ("x.{json,toml}", "a/x.toml", True),
        ("x.{json,toml}", "x.txt", False),
        ("[ab].json", "b.json", True),
        ("[!ab].json", "b.json", False),
        ("?.json", "ab.json", False),
        ("[.json", "[.json", True),
        ("{.json", "{.json", True),
        ("[z-a].json", "a.json", True),
        ("a+b(c).json", "a+b(c).json", True),
        ("./a/x", "a/x", True),
    ],
)
def test_globs_mean_what_editors_mean(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path) is expected
