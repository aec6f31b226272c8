"""The report: one static page, and what it shows."""
