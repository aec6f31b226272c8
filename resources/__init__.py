"""Dagster resources: the project, and the backends that play the domain's roles."""
