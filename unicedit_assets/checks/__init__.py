"""Data-quality suites per stage and their bridge to Dagster."""
