"""Findings of a document, alone and against the others, and where they stand in its text."""
