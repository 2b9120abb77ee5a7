"""The state, the graph and the files of a project as they were, to go back to (seed 1, 3.2)."""
