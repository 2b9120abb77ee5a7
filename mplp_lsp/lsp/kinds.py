"""The numbers and words of LSP that have names."""

from __future__ import annotations

import enum


class SymbolKind(enum.IntEnum):
    """What a symbol is, as icons of editors know it."""

    File = 1
    Module = 2
    Namespace = 3
    Package = 4
    Class = 5
    Method = 6
    Property = 7
    Field = 8
    Constructor = 9
    Enum = 10
    Interface = 11
    Function = 12
    Variable = 13
    Constant = 14
    String = 15
    Number = 16
    Boolean = 17
    Array = 18
    Object = 19
    Key = 20
    Null = 21
    EnumMember = 22
    Struct = 23
    Event = 24
    Operator = 25
    TypeParameter = 26


class SymbolTag(enum.IntEnum):
    """Shown with a line through it."""

    Deprecated = 1


class InlayHintKind(enum.IntEnum):
    """How an editor may colour a hint."""

    Type = 1
    Parameter = 2


class CompletionItemKind(enum.IntEnum):
    """What an offer is, as icons of editors know it."""

    Text = 1
    Method = 2
    Function = 3
    Constructor = 4
    Field = 5
    Variable = 6
    Class = 7
    Interface = 8
    Module = 9
    Property = 10
    Unit = 11
    Value = 12
    Enum = 13
    Keyword = 14
    Snippet = 15
    Color = 16
    File = 17
    Reference = 18
    Folder = 19
    EnumMember = 20
    Constant = 21
    Struct = 22
    Event = 23
    Operator = 24
    TypeParameter = 25


class CompletionItemTag(enum.IntEnum):
    """Shown with a line through it."""

    Deprecated = 1


class InsertTextFormat(enum.IntEnum):
    """Whether `$1` is a hole or a text."""

    PlainText = 1
    Snippet = 2


class InsertTextMode(enum.IntEnum):
    """Whether the editor indents what is put in."""

    AsIs = 1
    AdjustIndentation = 2


class DocumentHighlightKind(enum.IntEnum):
    """Whether a value is used or given at a place."""

    Text = 1
    Read = 2
    Write = 3


class TraceValue(enum.StrEnum):
    """How much `$/logTrace` tells."""

    Off = "off"
    Messages = "messages"
    Verbose = "verbose"


class MarkupKind(enum.StrEnum):
    """How a text for people is written."""

    PlainText = "plaintext"
    Markdown = "markdown"


class FileChangeType(enum.IntEnum):
    """What a watcher saw."""

    Created = 1
    Changed = 2
    Deleted = 3


class DiagnosticSeverity(enum.IntEnum):
    """How bad a finding is; absent means that the client chooses."""

    Error = 1
    Warning = 2
    Information = 3
    Hint = 4


class DiagnosticTag(enum.IntEnum):
    """Shown faded, or with a line through it."""

    Unnecessary = 1
    Deprecated = 2


class CompletionTriggerKind(enum.IntEnum):
    """Why the editor asks for offers."""

    Invoked = 1
    TriggerCharacter = 2
    TriggerForIncompleteCompletions = 3


class ApplyKind(enum.IntEnum):
    """Whether defaults of a list give way to an item or join it."""

    Replace = 1
    Merge = 2


class CodeActionTriggerKind(enum.IntEnum):
    """Whether somebody asked for actions, or only moved the cursor."""

    Invoked = 1
    Automatic = 2
