"""Where files and graph have come apart, found by looking (seed 1, 5.1; seed 2, 7.1)."""
