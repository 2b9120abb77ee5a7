"""Programs for the Python of the systems that our runs are compared with; they import nothing of ours."""
