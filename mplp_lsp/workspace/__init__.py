"""Documents, the cross-file index, projects and snapshots: everything between text and rules and LSP."""
