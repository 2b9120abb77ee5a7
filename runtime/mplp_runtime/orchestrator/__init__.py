"""Runs: order, control loop, recovery, and what a run looks like from outside."""
