"""Where the page that explains each code stands on this machine, so that links work offline."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import mplp_lsp
from mplp_lsp.text.uris import uri_of


@lru_cache(maxsize=1)
def documentation_uri() -> str | None:
    """File URI of `diagnostics.md`: inside the package in a wheel, in `docs/` of a checkout."""
    package = Path(mplp_lsp.__file__).resolve().parent
    for page in (package / "docs" / "diagnostics.md", package.parent / "docs" / "diagnostics.md"):
        if page.is_file():
            return uri_of(page)
    return None


def documentation_of(code: str) -> str | None:
    """The link for one code."""
    page = documentation_uri()
    return None if page is None else f"{page}#{code}"
