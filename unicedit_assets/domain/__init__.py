"""The domain: pure values and rules. Importing it imports neither dagster nor torch."""
