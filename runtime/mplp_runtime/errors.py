"""Errors a person can act on. Anything else that is raised is a bug of ours.

MplpError
├── DocumentInvalid        the document has findings that forbid what was asked
├── RunRefused             a run cannot start; `code` says why in a stable word
│   ├── PlanNotApproved (ConfirmUnreadable)
│   ├── RoleNotBound
│   ├── WorkspaceNotTrusted
│   ├── RunInProgress      another process holds a run of the same plan
│   ├── RunLeftOpen        an interrupted run of the plan is neither resumed nor given up
│   └── RunBuiltUpon       a later run went on from what this one did
├── RunUnknown             no run with this id
├── DocumentUnknown        no document with this id in the graph
├── TransitionIllegal      the lifecycle does not allow this change
├── EventRejected          an event that is not valid, or that breaks causality
├── SettingsInvalid        mplp.toml cannot be used
├── PathOutsideProject     a path leaves the project root
└── StoreError             the state cannot be read or written
    ├── StoreLocked
    ├── StoreTooNew
    ├── StateDamaged       what is in it is not what was written there
    ├── StoreKeyWrong
    ├── NodeExists
    ├── NodeConflict
    └── TransactionConflict
"""

from __future__ import annotations


class MplpError(Exception):
    """Something the user can act on. `str(error)` is shown as it stands, as one sentence."""


class DocumentInvalid(MplpError):
    """The document has findings that forbid what was asked."""


class RunRefused(MplpError):
    """A run cannot start; `code` is a stable word that tools may compare."""

    code = "refused"


class PlanNotApproved(RunRefused):
    """The plan needs an approval first, or the approval no longer covers it (D18)."""

    code = "not-approved"


class ConfirmUnreadable(PlanNotApproved):
    """A Confirm about the plan cannot be read: another approval does not help, the file has to be mended."""

    code = "confirm-unreadable"


class RoleNotBound(RunRefused):
    """A step's role has no action in mplp.toml."""

    code = "not-bound"


class WorkspaceNotTrusted(RunRefused):
    """Nothing runs in a folder the user has not trusted (D9, D25)."""

    code = "not-trusted"


class PlanInvalid(RunRefused):
    """The plan has errors, so it cannot run."""

    code = "not-valid"


class RunInProgress(RunRefused):
    """Another run of the same plan is under way; the message says who holds it (D19)."""

    code = "in-progress"


class RunLeftOpen(RunRefused):
    """An interrupted run of the plan has to be resumed or given up first: what was under way is not known."""

    code = "interrupted"


class RunBuiltUpon(RunRefused):
    """A later run went on from what this one did, and would lose what it stands on."""

    code = "built-upon"


class RunUnknown(MplpError):
    """No run with this id is known in this project."""


class DocumentUnknown(MplpError):
    """No document with this id, or of this kind, is in the graph."""


class TransitionIllegal(MplpError):
    """The lifecycle does not allow this change of status."""


class EventRejected(MplpError):
    """An event that is not valid against its schema, or that breaks causality."""


class SettingsInvalid(MplpError):
    """mplp.toml cannot be used as it is."""


class PathOutsideProject(MplpError):
    """A path leaves the project root."""


class StoreError(MplpError):
    """The state cannot be read or written."""


class StoreLocked(StoreError):
    """Another process holds the state for longer than we are willing to wait."""


class StoreTooNew(StoreError):
    """The state was written by a newer version; it is left untouched."""


class StateDamaged(StoreError):
    """The state holds what no store or run has written there."""


class StoreKeyWrong(StoreError):
    """The key at hand does not open the state, or is no key; nothing was changed."""


class NodeExists(StoreError):
    """A node that was to be created is already there."""


class NodeMissing(StoreError):
    """An edge was to lead from or to a node that is not in the graph."""


class NodeConflict(StoreError):
    """A node changed since it was read."""


class TransactionConflict(StoreError):
    """What an open transaction has read was changed meanwhile; nothing of it was saved."""
