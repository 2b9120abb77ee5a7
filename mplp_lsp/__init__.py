"""Language server for MPLP documents; `mplp_runtime` does the work that needs no editor."""
