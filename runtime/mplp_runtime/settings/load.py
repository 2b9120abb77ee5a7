"""From TOML text to Settings, with every fault as a finding on the way."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

from pydantic import ValidationError

from mplp_runtime.errors import SettingsInvalid
from mplp_runtime.rules.findings import Finding, Place, Severity, Stage
from mplp_runtime.settings.model import Settings


def parse_settings(data: Mapping[str, object]) -> tuple[Settings | None, list[Finding]]:
    """The settings in a parsed mplp.toml, and what is wrong with it. None if a finding is an error."""
    from mplp_runtime.rules.settings import settings_findings

    findings = settings_findings(data)
    if any(finding.severity == Severity.ERROR for finding in findings):
        return None, findings
    try:
        return Settings.model_validate(data), findings
    except ValidationError as error:
        return None, [*findings, *map(_finding, error.errors())]


def load_settings(text: str) -> Settings:
    """The settings in the text of an mplp.toml. Raises SettingsInvalid, which names the first fault.

    >>> load_settings("[run]\\nmax_parallel = 2").run.max_parallel
    2
    """
    try:
        data = tomllib.loads(text)
    except ValueError as error:
        raise SettingsInvalid(f"mplp.toml is not valid TOML: {error}.") from error
    except RecursionError as error:
        raise SettingsInvalid("mplp.toml is nested too deeply.") from error
    settings, findings = parse_settings(data)
    if settings is None:
        errors = [finding for finding in findings if finding.severity == Severity.ERROR]
        more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
        where = ".".join(map(str, errors[0].place.pointer))
        raise SettingsInvalid(f"mplp.toml cannot be used: {where}: {errors[0].message}{more}")
    return settings


def wider_limits(text: str) -> list[str]:
    """Sentences about the roles and steps that ask for more than `[limits]` gives, and so do not get it.

    None of a text that `load_settings` refuses.

    >>> wider_limits('[roles.a]\\naction = "tool_call"\\ncommand = ["true"]\\ntimeout_s = 900')
    ['mplp.toml, roles.a: `timeout_s` = 900 is more than [limits] gives; 600 counts.']
    """
    try:
        settings, findings = parse_settings(tomllib.loads(text))
    except (ValueError, RecursionError):
        return []
    if settings is None:
        return []
    return [
        f"mplp.toml, {'.'.join(map(str, finding.place.pointer[:2]))}: {finding.message}"
        for finding in findings
        if finding.code == "settings-limit-wider"
    ]


def _finding(error: Mapping[str, object]) -> Finding:
    location = error["loc"]
    pointer = tuple(location) if isinstance(location, tuple) else ()
    message = f"This cannot be used: {error['msg']}."
    return Finding("settings-type-invalid", message, Severity.ERROR, Stage.SCHEMA, Place(pointer))
