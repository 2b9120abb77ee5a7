"""What a role does: the words of mplp.toml that a run would follow, who else knows the role, who uses it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mplp_lsp.features.hover_markup import Card, Line, Piece, code, line, listing, said, strong
from mplp_lsp.features.hover_places import place_of
from mplp_lsp.workspace.snapshot import Snapshot
from mplp_runtime.rules.world import DocumentFacts

if TYPE_CHECKING:
    from mplp_runtime.settings import Binding

_TELLTALE = r"token|secret|passw|api[-_]?key|credential|auth"
_SECRET_NAME = re.compile(rf"(?i){_TELLTALE}")
# Inside one argument too: a header, a line for a shell, a query.
_SECRET_ENTRY = re.compile(
    rf"(?i)(?P<name>[\w-]*(?:{_TELLTALE})[\w-]*[\"']?\s*(?:=|:(?!//))\s*)(?:(?:bearer|basic|token)\s+)?"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s&;,]+)"
)
_SCHEME = re.compile(r"(?i)\b(?P<name>(?:bearer|basic)\s+)[\w.~+/=-]{6,}")
_IN_ADDRESS = re.compile(r"(?P<name>\w://)[^\s/@]+@")
_SECRET_VALUE = re.compile(
    r"(?i)\b(?:sk|ghp|gho|ghs|glpat|xox[abp])[-_][\w-]{8,}|\bAKIA[0-9A-Z]{12,}|\beyJ[\w-]{20,}"
)
_HIDDEN = "•••"
_LONGEST_COMMAND = 120


def binding_line(snapshot: Snapshot, step_id: object, role: object) -> Line | None:
    """What a run would do for such a step; None where the step names no role and has no entry of its own."""
    settings = snapshot.settings
    step = {"step_id": step_id, "agent_role": role}
    binding = settings.binding(step) if settings is not None else None
    asks = settings is not None and settings.asks_before(step)
    if binding is not None:
        end = ", after asking" if asks else ""
        return line("mplp.toml: ", *what_it_does(binding), end)
    if not isinstance(role, str) or not role or (settings is None and not snapshot.is_complete):
        return None
    if settings is None and any(True for _ in snapshot.index.documents("settings")):
        # Unknown it is, not unbound: one wrong line anywhere, and nothing in it counts.
        return line("mplp.toml has errors, so a run would refuse to start")
    if settings is None:
        return line("Bound nowhere: the project has no mplp.toml, so a run would refuse to start")
    return line("Bound nowhere in mplp.toml, so a run would refuse to start")


def what_it_does(binding: Binding) -> Line:
    """One action in words. Values that look like secrets, and passwords in addresses, are not shown."""
    if binding.action == "tool_call":
        if binding.command is not None:
            return line("runs ", code(shown_command(binding.command), _LONGEST_COMMAND))
        return line("calls the tool ", code(binding.tool or ""), " of an MCP server")
    if binding.action == "llm_call":
        return line("asks the model ", code(binding.model), " at ", code(shown_address(binding.base_url)))
    if binding.action == "agent_handoff":
        if binding.is_human:
            return line("is done by a person, who is asked in the editor")
        if isinstance(binding.to, str):
            return line("is handed to the role ", code(binding.to))
        return line("is handed to the agent ", code(shown_command(binding.to), _LONGEST_COMMAND))
    if binding.action == "file_operation":
        files = [name for name in (binding.source, binding.target) if name]
        pieces: list[Piece | str] = [{"read": "reads "}.get(binding.operation, _verb(binding.operation))]
        for number, name in enumerate(files):
            pieces += [" to " if number else "", code(name)]
        return line(*pieces)
    return line("calls ", code(binding.handler or "the handler called like the role"))


def _verb(operation: str) -> str:
    return {"copy": "copies ", "write": "writes "}.get(operation, f"{operation}s ")


def shown_command(command: Sequence[str]) -> str:
    """The arguments with blanks between them; what follows `--token` and its like is hidden.

    >>> shown_command(["deploy", "--token", "abc", "--api-key=x", "-v", "https://me:pw@host/?token=abc&v=1"])
    'deploy --token ••• --api-key=••• -v https://•••@host/?token=•••&v=1'
    """
    shown: list[str] = []
    is_secret = False
    for argument in command:
        if is_secret and not argument.startswith("-"):
            shown.append(_HIDDEN)
            is_secret = False
            continue
        is_secret = argument.startswith("-") and "=" not in argument and bool(_SECRET_NAME.search(argument))
        known = _without_secrets(argument)
        shown.append(repr(known) if not known or re.search(r"\s", known) else known)
    return " ".join(shown)


def _without_secrets(argument: str) -> str:
    name, equals, _ = argument.partition("=")
    if equals and _SECRET_NAME.search(name) and not re.search(r"[\s/:]", name):
        return f"{name}={_HIDDEN}"
    # More is never shown, and the patterns take their time over what is very long.
    known = _IN_ADDRESS.sub(rf"\g<name>{_HIDDEN}@", argument[: 4 * _LONGEST_COMMAND])
    for pattern in (_SECRET_ENTRY, _SCHEME):
        known = pattern.sub(rf"\g<name>{_HIDDEN}", known)
    return _SECRET_VALUE.sub(_HIDDEN, known)


def shown_address(address: str) -> str:
    """Scheme, host and path: no user, no password, no query."""
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return _HIDDEN
    return f"{parts.scheme}://{host}{port}{parts.path}" if parts.scheme else address.rpartition("@")[2]


def role_card(snapshot: Snapshot, role: str) -> Card:
    """A role name: what its steps do, the Role document behind it, and how many steps use it."""
    facts: list[Line] = []
    using = list(steps_with_role(snapshot, role))
    settings = snapshot.settings
    # Who decides or takes part need not be bound to anything; only steps are.
    if using or (settings is not None and role in settings.roles):
        bound = binding_line(snapshot, None, role)
        facts.extend([bound] if bound is not None else [])
    documents = [one for one in snapshot.index.documents("role") if role in {one.title, one.id}]
    if documents:
        names = (line(place_of(snapshot, one)) for one in documents)
        facts.append(line("Role document: ", *listing(names, len(documents))))
    elif snapshot.is_complete and any(True for _ in snapshot.index.documents("role")):
        facts.append(line("No Role document of this project has this name"))
    facts.extend(using or no_step_has_it(snapshot))
    return Card(line(strong(role), " · role"), (), facts)


def no_step_has_it(snapshot: Snapshot) -> list[Line]:
    """Said only when all plans have been read."""
    return [line("No step has this role")] if snapshot.is_complete else []


def steps_with_role(snapshot: Snapshot, role: str) -> Iterator[Line]:
    """How many steps have the role, by plan; nothing where none has."""
    counts: list[tuple[DocumentFacts, int]] = []
    for plan in snapshot.index.documents("plan"):
        count = sum(1 for step in plan.steps if step.agent_role == role)
        if count:
            counts.append((plan, count))
    total = sum(count for _, count in counts)
    if not total:
        return
    names = (line(said(plan.title or plan.uri.rpartition("/")[2]), f" ({count:,})") for plan, count in counts)
    yield line(
        f"{total:,} {'step has' if total == 1 else 'steps have'} this role: ", *listing(names, len(counts))
    )
