"""Fixtures that the whole test tree shares."""

from hypothesis import settings

# A machine that does other things too is no finding.
settings.register_profile("unicedit", deadline=None)
settings.load_profile("unicedit")
