"""Texts, positions, and the trees of JSON, NDJSON and TOML documents; nothing here knows MPLP."""
