"""Fixtures that the whole test tree shares."""
