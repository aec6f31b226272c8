"""What settings are made of: each field is identity or runtime, and has a meaning in words."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from unicedit_assets.domain.identity import Json


class SettingsError(Exception):
    """The settings cannot be used; the message says which and what to do."""


def identity(default: Any, description: str, **limits: Any) -> Any:
    """Declare a field that can change what a stage produces."""
    return Field(default, description=description, json_schema_extra={"role": "identity"}, **limits)


def runtime(default: Any, description: str, **limits: Any) -> Any:
    """Declare a field that cannot change what a stage produces."""
    return Field(default, description=description, json_schema_extra={"role": "runtime"}, **limits)


def identity_of(settings: BaseModel) -> dict[str, Json]:
    """Return the fields of a model that are identity, as JSON."""
    roles = {
        name: (info.json_schema_extra or {}).get("role")  # type: ignore[union-attr]
        for name, info in type(settings).model_fields.items()
    }
    dumped = settings.model_dump(mode="json")
    return {name: dumped[name] for name, role in roles.items() if role == "identity"}


class StageSettings(BaseModel):
    """Base of every stage's settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    chunk: int = runtime(16, "Rows a chunk; a finished chunk survives a kill.", ge=1)

    def identity_fields(self) -> dict[str, Json]:
        """Return the fields that enter the fingerprint, as JSON."""
        return identity_of(self)
