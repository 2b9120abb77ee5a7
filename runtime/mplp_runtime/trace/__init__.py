"""Traces: what a run did, as a Trace document that is valid whenever it is on disk."""
