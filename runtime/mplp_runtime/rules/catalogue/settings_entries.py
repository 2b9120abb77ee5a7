"""Codes about mplp.toml, taken from the table that its rules are made from."""

from __future__ import annotations

from mplp_runtime.rules.catalogue.entry import Entry, Section, one


def settings_section() -> Section:
    """One entry per code of the settings rules."""
    from mplp_runtime.settings.codes import SETTINGS_CODES

    return Section(
        "Settings",
        "What is wrong in `mplp.toml`.",
        tuple(
            Entry(
                code.code,
                code.severity.name.lower(),
                code.meaning,
                code.fix,
                one(code.failing, "toml"),
                one(code.passing, "toml"),
            )
            for code in SETTINGS_CODES
        ),
    )
