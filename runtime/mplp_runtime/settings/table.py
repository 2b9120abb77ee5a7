"""Every key of mplp.toml: what it takes, what it means, an example; for checks and editing features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

KeyKind = Literal[
    "string",
    "boolean",
    "number",
    "positive",
    "count",
    "count0",
    "strings",
    "command",
    "choice",
    "url",
    "state_url",
    "name",
    "variable",
    "to",
    "path",
    "table",
]


@dataclass(frozen=True, slots=True)
class Key:
    """One key. `example` is TOML; `default` is said in words, None where the key has none."""

    kind: KeyKind
    meaning: str
    example: str
    default: str | None = None
    choices: tuple[str, ...] = ()


_BOOLEAN = "true"

LIMITS: Mapping[str, Key] = MappingProxyType(
    {
        "timeout_s": Key("positive", "Wall-clock time a step may take, in seconds.", "120", "600"),
        "cpu_s": Key("positive", "Processor time a step's process may use, in seconds.", "60", "300"),
        "memory_mib": Key(
            "count", "Memory a step's processes may use, each and together, in MiB.", "256", "512"
        ),
        "open_files": Key("count", "Files a step's process may have open at once.", "64", "256"),
        "output_kib": Key("count", "Output of a step that is kept, in KiB; the rest is cut.", "256", "1024"),
        "network": Key("boolean", "Whether a step's process may use the network.", "false", "true"),
        "hardened": Key(
            "boolean", "Run the process isolated, or refuse where that is impossible.", "true", "false"
        ),
        "env_allow": Key(
            "strings",
            "Names of environment variables a step's process sees.",
            '["PATH", "HOME"]',
            '["PATH", "HOME", "LANG"]',
        ),
    }
)

ACTIONS: tuple[str, ...] = (
    "tool_call",
    "llm_call",
    "agent_handoff",
    "file_operation",
    "custom_action",
    "step_execution",
    "agent_execution",
)
TOOL_KINDS: tuple[str, ...] = ("formatter", "linter", "test_runner", "generator", "other")
"""The five kinds of seed 2, section 4.4."""
FILE_OPERATIONS: tuple[str, ...] = ("read", "write", "copy", "move", "delete")

CONFLICTS: tuple[str, ...] = ("escalate", "hierarchy", "vote", "last-write")
"""How participants who wrote differently are reconciled (the strategies of the session diagram)."""

BINDING_COMMON: Mapping[str, Key] = MappingProxyType(
    {
        "action": Key("choice", "What happens when a step of this role runs.", '"tool_call"', None, ACTIONS),
        "retries": Key("count0", "How often a failed step is tried again.", "1", "0"),
        "idempotent": Key(
            "boolean", "The step may be repeated after a crash without asking.", _BOOLEAN, "false"
        ),
        **LIMITS,
    }
)

BINDING_KEYS: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "tool_call": MappingProxyType(
            {
                "command": Key(
                    "command", "The program and its arguments; no shell is involved.", '["pytest", "-q"]'
                ),
                "cwd": Key("path", "The folder the program starts in; inside the project.", '"web"', '"."'),
                "server": Key(
                    "command", "The command that starts an MCP server.", '["my-server", "--stdio"]'
                ),
                "tool": Key("string", "The tool of that MCP server.", '"search"'),
                "arguments": Key(
                    "table",
                    "The arguments of that tool; placeholders in their texts are replaced.",
                    '{ query = "{step.description}" }',
                ),
                "tool_kind": Key(
                    "choice",
                    "What the tool is for, as told in its events.",
                    '"linter"',
                    '"other"',
                    TOOL_KINDS,
                ),
                "formatter": Key(
                    "command", "The program that follows a generator that succeeded.", '["ruff", "format"]'
                ),
            }
        ),
        "llm_call": MappingProxyType(
            {
                "base_url": Key("url", "An OpenAI-compatible endpoint.", '"http://127.0.0.1:8080/v1"'),
                "model": Key("string", "The name of the model at that endpoint.", '"my-model"'),
                "prompt": Key(
                    "string",
                    "The text sent; placeholders are replaced literally.",
                    '"Write: {step.description}"',
                ),
                "system": Key(
                    "string", "The system message; placeholders as in `prompt`.", '"You write release notes."'
                ),
                "api_key_env": Key(
                    "variable", "The name of the variable that holds the key, never the key.", '"WRITER_KEY"'
                ),
                "temperature": Key("number", "How much the model varies its answers.", "0.2"),
                "max_tokens": Key("count", "How many tokens an answer may have.", "2000"),
                "request_retries": Key(
                    "count0",
                    "How often a request that was refused for now (429, 5xx) or cut off is sent again.",
                    "2",
                    "4",
                ),
                "input_price": Key("number", "Price of a million tokens sent.", "0.5"),
                "output_price": Key("number", "Price of a million tokens received.", "1.5"),
                "currency": Key("string", "The currency of the prices.", '"EUR"', '"USD"'),
            }
        ),
        "agent_handoff": MappingProxyType(
            {"to": Key("to", "`human`, another role, or the command of an agent.", '"human"')}
        ),
        "file_operation": MappingProxyType(
            {
                "operation": Key("choice", "What is done with the file.", '"copy"', None, FILE_OPERATIONS),
                "source": Key(
                    "path", "The file read, copied or moved; inside the project.", '"build/out.tar"'
                ),
                "target": Key("path", "The file written or deleted; inside the project.", '"dist/out.tar"'),
                "content": Key("string", "The text that `write` writes.", '"done\\n"'),
            }
        ),
        "custom_action": MappingProxyType(
            {"handler": Key("string", "An installed entry point.", '"my_package.actions:publish"')}
        ),
        **{
            action: MappingProxyType(
                {
                    "handler": Key(
                        "string",
                        "An installed entry point; the one called like the step's role, unless given.",
                        '"my_package.actions:review"',
                    )
                }
            )
            for action in ("step_execution", "agent_execution")
        },
    }
)

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tool_call": (),  # `command`, or `server` and `tool`: checked by hand
        "llm_call": ("base_url", "model", "prompt"),
        "agent_handoff": ("to",),
        "file_operation": ("operation",),  # and what the operation needs
        "custom_action": ("handler",),
        "step_execution": (),
        "agent_execution": (),
    }
)

OPERATION_NEEDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "read": ("source",),
        "write": ("target", "content"),
        "copy": ("source", "target"),
        "move": ("source", "target"),
        "delete": ("target",),
    }
)

TABLES: Mapping[str, Mapping[str, Key]] = MappingProxyType(
    {
        "run": MappingProxyType(
            {
                "max_parallel": Key("count", "How many steps may run at once.", "4", "the number of cores"),
                "require_approval": Key(
                    "boolean", "Draft and proposed plans ask for approval first.", "false", _BOOLEAN
                ),
                "require_confirm": Key(
                    "boolean", "The word `approved` in the plan is not enough.", _BOOLEAN, "false"
                ),
                "on_failure": Key(
                    "choice",
                    "What happens to the other steps when one fails; `rollback` stops, and takes back what "
                    "file operations of the run did.",
                    '"continue-independent"',
                    '"stop"',
                    ("stop", "continue-independent", "rollback"),
                ),
            }
        ),
        "limits": LIMITS,
        "gates": MappingProxyType(
            {
                "confirm_steps": Key(
                    "strings", "Steps or roles that ask before they start.", '["deployer"]', "[]"
                ),
                "ci_blocks_completion": Key(
                    "boolean", "A failed CI run keeps the plan from completing.", _BOOLEAN, "false"
                ),
                "tool_failure_blocks": Key(
                    "strings", "Tools whose failure blocks a step.", '["eslint"]', "[]"
                ),
                "git_merge_reapproval": Key(
                    "boolean", "A merge proposes to approve the plan again.", _BOOLEAN, "false"
                ),
            }
        ),
        "drift": MappingProxyType(
            {
                "active_interval_s": Key(
                    "number", "Seconds between scans for changed files; 0 means never.", "5", "5"
                ),
                "snapshot_before": Key(
                    "strings", "Roles before whose steps a snapshot is made.", '["deployer"]', "[]"
                ),
                "snapshots_kept": Key(
                    "count",
                    "How many snapshots are kept; the oldest go first, but none of a run that is not over.",
                    "50",
                    "20",
                ),
            }
        ),
        "collab": MappingProxyType(
            {
                "session": Key(
                    "string",
                    "The Collab that plans run with: its `collab_id`, `none`, or `auto` for the one active "
                    "Collab of the plan's Context.",
                    '"none"',
                    '"auto"',
                ),
                "conflicts": Key(
                    "choice",
                    "What holds where two participants wrote the same differently: what a person decides, "
                    "the higher in the list of participants, the most, or the last.",
                    '"hierarchy"',
                    '"escalate"',
                    CONFLICTS,
                ),
            }
        ),
        "learning": MappingProxyType(
            {"collect": Key("boolean", "Keep learning samples of runs.", _BOOLEAN, "false")}
        ),
        "engine": MappingProxyType(
            {
                "kind": Key("choice", "Where steps run.", '"local"', '"local"', ("local", "temporal")),
                "address": Key("string", "Where the engine listens.", '"127.0.0.1:7233"', '"127.0.0.1:7233"'),
            }
        ),
        "state": MappingProxyType(
            {
                "url": Key(
                    "state_url",
                    "The file that the state is kept in; inside the project.",
                    '"sqlite:///.mplp/state.db"',
                    '"sqlite:///.mplp/state.db"',
                ),
                "url_env": Key(
                    "variable",
                    "The name of the variable that holds the address of a PostgreSQL database; "
                    "the state is kept there.",
                    '"MPLP_STATE_URL"',
                ),
                "schema_name": Key(
                    "name",
                    "The schema of the PostgreSQL database; without it one named after the project's folder.",
                    '"mplp_shop"',
                ),
                "cache_s": Key(
                    "number",
                    "Seconds that a value from PostgreSQL may be answered from memory; 0 means never.",
                    "10",
                    "60",
                ),
                "encryption_key_env": Key(
                    "variable",
                    "The name of the variable that holds the key of the state.",
                    '"MPLP_STATE_KEY"',
                ),
                "encryption_key_file": Key(
                    "string", "A file of mode 0600 outside the project that holds the key.", '"/etc/mplp/key"'
                ),
                "files": Key(
                    "choice",
                    "What traces and timelines show; unsaid, `encrypted` where the state is, else `plain`.",
                    '"redacted"',
                    None,
                    ("plain", "encrypted", "redacted"),
                ),
            }
        ),
    }
)

NOT_IN_EFFECT: Mapping[tuple[str, str], tuple[tuple[object, ...], str]] = MappingProxyType(
    {
        ("engine", "kind"): (("local",), "steps run in this process"),
        ("engine", "address"): (("127.0.0.1:7233",), "steps run in this process"),
    }
)
"""Keys that are understood but that this version does not act on: the values that ask for nothing, and what
happens instead. Silence would let people rely on what is not there."""

_OF_A_PROCESS = ("cpu_s", "memory_mib", "open_files", "network", "hardened", "env_allow")
_INSIDE = "it runs inside mplp-lsp, not as a process of its own"
IDLE_LIMITS: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "custom_action": (_OF_A_PROCESS, _INSIDE),
        "step_execution": (_OF_A_PROCESS, _INSIDE),
        "agent_execution": (_OF_A_PROCESS, _INSIDE),
        "llm_call": (
            tuple(name for name in _OF_A_PROCESS if name != "network"),
            "an llm_call is a request of mplp-lsp itself, and no process is started",
        ),
        "file_operation": ((*_OF_A_PROCESS, "timeout_s"), "a file_operation starts no process"),
        "agent_handoff": (tuple(LIMITS), "a person has all the time, and no process is started"),
    }
)
"""Limits that an action cannot keep, and why. A handoff to an agent's command is a process and keeps all."""

TOP_LEVEL: tuple[str, ...] = ("roles", "steps", *TABLES)


def binding_keys(action: str | None) -> Mapping[str, Key]:
    """The keys a role or step may have; all of them while the action is not known.

    >>> sorted(set(binding_keys("agent_handoff")) - set(BINDING_COMMON))
    ['to']
    """
    if action is not None and action in BINDING_KEYS:
        return {**BINDING_COMMON, **BINDING_KEYS[action]}
    return {**BINDING_COMMON, **{name: key for keys in BINDING_KEYS.values() for name, key in keys.items()}}
