"""mplp.toml as values that cannot change: what the runtime does, by role or by step."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, strict=False)]
Count = Annotated[int, Field(ge=1)]
Command = Annotated[tuple[str, ...], Field(min_length=1, strict=False)]
Words = Annotated[tuple[str, ...], Field(strict=False)]
N = TypeVar("N", int, float)


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Limits(_Table):
    """What a step's process may use. Sizes in MiB and KiB, times in seconds."""

    timeout_s: Seconds = 600
    cpu_s: Seconds = 300
    memory_mib: Count = 512
    open_files: Count = 256
    output_kib: Count = 1024
    network: bool = True
    hardened: bool = False
    env_allow: Words = ("PATH", "HOME", "LANG")


class _BindingBase(_Table):
    retries: Annotated[int, Field(ge=0)] = 0
    idempotent: bool = False
    timeout_s: Seconds | None = None
    cpu_s: Seconds | None = None
    memory_mib: Count | None = None
    open_files: Count | None = None
    output_kib: Count | None = None
    network: bool | None = None
    hardened: bool | None = None
    env_allow: Words | None = None


class ToolCallBinding(_BindingBase):
    """A process (`command`), or a `tool` of the MCP server that `server` starts.

    `arguments` are the tool's, with placeholders in their texts; `formatter` follows a generator.
    """

    action: Literal["tool_call"] = "tool_call"
    command: Command | None = None
    cwd: str | None = None
    server: Command | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] | None = None
    tool_kind: Literal["formatter", "linter", "test_runner", "generator", "other"] = "other"
    formatter: Command | None = None


class LlmCallBinding(_BindingBase):
    """A request to an OpenAI-compatible endpoint. The key is read from the variable `api_key_env`.

    Prices are per million tokens, in `currency`.
    """

    action: Literal["llm_call"] = "llm_call"
    base_url: str
    model: str
    prompt: str
    system: str | None = None
    api_key_env: str | None = None
    temperature: Annotated[float, Field(ge=0, strict=False)] | None = None
    max_tokens: Count | None = None
    request_retries: Annotated[int, Field(ge=0)] = 4
    input_price: Annotated[float, Field(ge=0, strict=False)] | None = None
    output_price: Annotated[float, Field(ge=0, strict=False)] | None = None
    currency: str = "USD"


class AgentHandoffBinding(_BindingBase):
    """Somebody else does the step: a person (`human`), another role, or an agent's command."""

    action: Literal["agent_handoff"] = "agent_handoff"
    to: str | Command = "human"

    @property
    def is_human(self) -> bool:
        return self.to == "human"


class FileOperationBinding(_BindingBase):
    """One file inside the project root is read, written, copied, moved or deleted."""

    action: Literal["file_operation"] = "file_operation"
    operation: Literal["read", "write", "copy", "move", "delete"]
    source: str | None = None
    target: str | None = None
    content: str | None = None


class CustomActionBinding(_BindingBase):
    """A Python function: a registered one, an entry point of `mplp_lsp.actions`, or `module:function`."""

    action: Literal["custom_action"] = "custom_action"
    handler: str


class StepExecutionBinding(_BindingBase):
    """A handler does the step; without `handler` the one that is called like the step's role."""

    action: Literal["step_execution"] = "step_execution"
    handler: str | None = None


class AgentExecutionBinding(_BindingBase):
    """The same for a handler that plays an agent, a participant of a session or the step's role."""

    action: Literal["agent_execution"] = "agent_execution"
    handler: str | None = None


Binding = Annotated[
    ToolCallBinding
    | LlmCallBinding
    | AgentHandoffBinding
    | FileOperationBinding
    | CustomActionBinding
    | StepExecutionBinding
    | AgentExecutionBinding,
    Field(discriminator="action"),
]


def _cores() -> int:
    return os.cpu_count() or 1


class RunSettings(_Table):
    """How plans run. `max_parallel`: steps at once."""

    max_parallel: Count = Field(default_factory=_cores)
    require_approval: bool = True
    require_confirm: bool = False
    on_failure: Literal["stop", "continue-independent", "rollback"] = "stop"


class Gates(_Table):
    """What must be asked or awaited before a step or a plan goes on."""

    confirm_steps: Words = ()
    ci_blocks_completion: bool = False
    tool_failure_blocks: Words = ()
    git_merge_reapproval: bool = False


class Drift(_Table):
    """How differences between files and graph are found. `active_interval_s` 0 means: never by scanning."""

    active_interval_s: Annotated[float, Field(ge=0, strict=False)] = 5
    snapshot_before: Words = ()
    snapshots_kept: Count = 20


class Collaboration(_Table):
    """With whom plans run: `session` is `auto`, `none` or the id of a Collab; `conflicts` as in the table."""

    session: str = "auto"
    conflicts: Literal["escalate", "hierarchy", "vote", "last-write"] = "escalate"


class Learning(_Table):
    """Whether learning samples are kept."""

    collect: bool = False


class Engine(_Table):
    """Where steps run."""

    kind: Literal["local", "temporal"] = "local"
    address: str = "127.0.0.1:7233"


class State(_Table):
    """Where the state is kept and how it is encrypted. `cache_s` 0 means: nothing is kept in memory."""

    url: str = "sqlite:///.mplp/state.db"
    url_env: str | None = None
    schema_name: str | None = None
    cache_s: Annotated[float, Field(ge=0, strict=False)] = 60
    encryption_key_env: str | None = None
    encryption_key_file: str | None = None
    files: Literal["plain", "encrypted", "redacted"] | None = None


class Settings(_Table):
    """The whole of mplp.toml. `Settings()` is what holds where there is no such file.

    >>> tester = {"action": "tool_call", "command": ["pytest"]}
    >>> settings = Settings.model_validate({"roles": {"tester": tester}})
    >>> settings.binding({"step_id": "a", "agent_role": "tester"}).command
    ('pytest',)
    """

    roles: Mapping[str, Binding] = Field(default_factory=dict)
    steps: Mapping[str, Binding] = Field(default_factory=dict)
    run: RunSettings = RunSettings()
    limits: Limits = Limits()
    gates: Gates = Gates()
    drift: Drift = Drift()
    collab: Collaboration = Collaboration()
    learning: Learning = Learning()
    engine: Engine = Engine()
    state: State = State()

    def binding(self, step: Any) -> Binding | None:
        """What the step does: its own entry in `[steps]`, else its role's; None if it is bound nowhere.

        `step` is a mapping or has attributes: `step_id` and `agent_role` are looked at.
        """
        own = self.steps.get(_member(step, "step_id") or "")
        if own is not None:
            return own
        return self.roles.get(_member(step, "agent_role") or "")

    def limits_for(self, binding: Binding) -> Limits:
        """The limits of one action: what its role says, but never wider than `[limits]`."""
        base = self.limits
        return Limits(
            timeout_s=_least(base.timeout_s, binding.timeout_s),
            cpu_s=_least(base.cpu_s, binding.cpu_s),
            memory_mib=_least(base.memory_mib, binding.memory_mib),
            open_files=_least(base.open_files, binding.open_files),
            output_kib=_least(base.output_kib, binding.output_kib),
            network=base.network and binding.network is not False,
            hardened=base.hardened or binding.hardened is True,
            env_allow=base.env_allow
            if binding.env_allow is None
            else tuple(name for name in binding.env_allow if name in base.env_allow),
        )

    def asks_before(self, step: Any) -> bool:
        """Whether `[gates] confirm_steps` names the step or its role."""
        return not {_member(step, "step_id"), _member(step, "agent_role")}.isdisjoint(
            self.gates.confirm_steps
        )


def _member(step: Any, name: str) -> str | None:
    value = step.get(name) if isinstance(step, Mapping) else getattr(step, name, None)
    return value if isinstance(value, str) else None


def _least(base: N, own: N | None) -> N:
    return base if own is None else min(base, own)
