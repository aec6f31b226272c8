"""The assets, one thin module a chapter."""
