"""The language server: connections, sessions, and what happens between a message and its answer."""
