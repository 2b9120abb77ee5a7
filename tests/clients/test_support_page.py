"""docs/support.md says what the routes table and the editors' capabilities say."""

from __future__ import annotations

from mplp_lsp.server.routes import BY_METHOD
from tests.clients.promises import CAPABILITY
from tests.clients.support import CONTINUED, FEATURES, PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run `make docs`"


def test_every_route_has_a_row_and_a_capability() -> None:
    assert set(BY_METHOD) - CONTINUED <= set(FEATURES)
    assert set(BY_METHOD) <= set(CAPABILITY)
