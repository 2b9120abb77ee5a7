"""Runs of several participants: the multi-agent profile on top of the single-agent one (seed 1, 5.2, 5.3)."""
