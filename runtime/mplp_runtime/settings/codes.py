"""Every code that speaks about mplp.toml, with an example that shows the fault and one that does not."""

from __future__ import annotations

from dataclasses import dataclass

from mplp_runtime.rules.findings import Severity


@dataclass(frozen=True, slots=True)
class SettingsCode:
    """What docs/diagnostics.md says about one code. `failing` and `passing` are texts of mplp.toml."""

    code: str
    severity: Severity
    meaning: str
    failing: str
    passing: str
    fix: str


_PYTEST = '[roles.tester]\naction = "tool_call"\ncommand = ["pytest"]\ntimeout_s = 120\n'
_TESTER = '[roles.tester]\naction = "tool_call"\ncommand = ["pytest", "-q"]\n'

SETTINGS_CODES: tuple[SettingsCode, ...] = (
    SettingsCode(
        "settings-key-unknown",
        Severity.ERROR,
        "A key or table that mplp.toml does not have: what it means would not happen.",
        "[run]\nmax_paralel = 2\n",
        "[run]\nmax_parallel = 2\n",
        "Correct the spelling, or remove the key.",
    ),
    SettingsCode(
        "settings-type-invalid",
        Severity.ERROR,
        "A value of the wrong type, or a number outside its range.",
        '[limits]\ntimeout_s = "2 min"\n',
        "[limits]\ntimeout_s = 120\n",
        "Write the value in the form the message shows.",
    ),
    SettingsCode(
        "settings-value-unknown",
        Severity.ERROR,
        "A word that is not among the words this key knows.",
        '[run]\non_failure = "halt"\n',
        '[run]\non_failure = "stop"\n',
        "Use one of the words the message lists.",
    ),
    SettingsCode(
        "settings-action-missing",
        Severity.ERROR,
        "A role or step that does not say which action it stands for.",
        '[roles.tester]\ncommand = ["pytest"]\n',
        _TESTER,
        "Add `action`.",
    ),
    SettingsCode(
        "settings-action-unknown",
        Severity.ERROR,
        "An action that does not exist.",
        '[roles.tester]\naction = "shell"\ncommand = ["pytest"]\n',
        _TESTER,
        "Use tool_call, llm_call, agent_handoff, file_operation, custom_action, step_execution or "
        "agent_execution.",
    ),
    SettingsCode(
        "settings-key-missing",
        Severity.ERROR,
        "An action without a key it cannot do without.",
        '[roles.tester]\naction = "tool_call"\n',
        _TESTER,
        "Add the key the message names.",
    ),
    SettingsCode(
        "settings-command-string",
        Severity.ERROR,
        "A command written as one text. Commands are lists, because no shell takes them apart.",
        '[roles.tester]\naction = "tool_call"\ncommand = "pytest -q"\n',
        _TESTER,
        "Write the program and each argument as a text of its own in a list.",
    ),
    SettingsCode(
        "settings-handler-missing",
        Severity.WARNING,
        "A custom action whose handler is not installed beside mplp-lsp; its steps would fail.",
        '[roles.tester]\naction = "custom_action"\nhandler = "no_such_package.actions:publish"\n',
        _TESTER,
        "Install the package that declares this entry point in the group `mplp_lsp.actions`.",
    ),
    SettingsCode(
        "settings-limit-wider",
        Severity.WARNING,
        "A role asks for more than [limits] gives. The smaller of the two counts.",
        "[limits]\ntimeout_s = 60\n" + _PYTEST,
        "[limits]\ntimeout_s = 600\n" + _PYTEST,
        "Raise the value in [limits], or lower it here.",
    ),
    SettingsCode(
        "settings-not-in-effect",
        Severity.WARNING,
        "A setting that this version understands but does not act on. Do not rely on it.",
        '[engine]\nkind = "temporal"\n',
        '[engine]\nkind = "local"\n',
        "Remove the setting, or update mplp-lsp to a version that acts on it.",
    ),
    SettingsCode(
        "settings-secret-inline",
        Severity.ERROR,
        "A secret in the file. mplp.toml is shared; it names a variable, and the variable holds the secret.",
        '[state]\nencryption_key_env = "sk-0123456789abcdef"\n',
        '[limits]\nenv_allow = ["PATH", "WRITER_KEY"]\n' + _TESTER,
        "Put the secret into an environment variable and write the variable's name here.",
    ),
    SettingsCode(
        "settings-role-unused",
        Severity.HINT,
        "A role that no step of any plan in the project has. It may be left over, or misspelt.",
        '[roles.tetser]\naction = "tool_call"\ncommand = ["pytest"]\n',
        _TESTER,
        "Use the role in a plan, correct its name, or remove it.",
    ),
    SettingsCode(
        "settings-gate-unknown",
        Severity.WARNING,
        "A gate or a snapshot for a role or step that no plan in the project has, so nobody is ever asked.",
        '[gates]\nconfirm_steps = ["deployr"]\n' + _TESTER,
        '[gates]\nconfirm_steps = ["tester"]\n' + _TESTER,
        "Correct the role or the id, or remove it.",
    ),
    SettingsCode(
        "settings-step-unknown",
        Severity.WARNING,
        "An entry in [steps] for a step that no plan in the project has.",
        '[steps."00000000-0000-4000-8000-000000000000"]\naction = "tool_call"\ncommand = ["make"]\n',
        '[steps."8f14e45f-ceea-467f-9b5b-3f1c2d4e5a60"]\naction = "tool_call"\ncommand = ["make"]\n',
        "Correct the id, or remove the entry.",
    ),
)
