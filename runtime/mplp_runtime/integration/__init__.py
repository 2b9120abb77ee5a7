"""From outside systems to events: files, git, CI, tools. One way only: they inform and do not control."""
