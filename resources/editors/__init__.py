"""Editors that hold a model or speak to a server."""
