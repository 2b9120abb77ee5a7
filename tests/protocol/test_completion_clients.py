"""What a client announces about completion, as features see it."""

from __future__ import annotations

from typing import Any

import pytest

from mplp_lsp.server.capabilities import client_view


def seen(**item: Any) -> Any:
    capabilities = {"textDocument": {"completion": {"completionItem": item}}}
    return client_view({"capabilities": capabilities})


@pytest.mark.parametrize(
    ("announced", "modes"),
    [({}, set()), ({"valueSet": [1, 2]}, {1, 2}), ({"valueSet": "odd"}, set()), ({"valueSet": ["1"]}, set())],
)
def test_text_modes_are_those_the_client_names(announced: dict[str, Any], modes: set[int]) -> None:
    assert seen(insertTextModeSupport=announced).insert_text_modes == modes


def test_documentation_is_sent_at_once_to_those_who_resolve_other_things_only() -> None:
    assert seen().completion_documentation_resolve
    assert seen(resolveSupport={"properties": ["documentation"]}).completion_documentation_resolve
    # What Neovim 0.11 announces.
    properties = ["additionalTextEdits", "command"]
    assert not seen(resolveSupport={"properties": properties}).completion_documentation_resolve
