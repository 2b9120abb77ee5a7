"""One file per command. A command reads a snapshot, asks the services for effects, and answers with JSON."""
