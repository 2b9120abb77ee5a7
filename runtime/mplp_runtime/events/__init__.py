"""Events: how they are built, checked, ordered, delivered and written to timelines."""
