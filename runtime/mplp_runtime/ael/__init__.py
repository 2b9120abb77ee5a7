"""Actions: what a step does, one module for each type of action."""
