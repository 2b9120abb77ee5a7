"""The command line: thin, over the same engine as the editor."""
