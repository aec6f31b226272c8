"""Atomic commits, manifests, Parquet and the DuckDB catalogue."""
