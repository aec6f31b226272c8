"""Who plays which role under the neural profile: ``[roles]`` in ``unicedit.toml``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from unicedit_assets.settings.fields import identity, runtime

EMBEDDED = "embedded"


class RolesSettings(BaseModel):
    """Role -> name of a ``[vlms.NAME]``, or ``embedded``.

    The names are runtime: what a role's player is enters the fingerprints through its identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    instructor: str = runtime(EMBEDDED, "Who writes instructions: a VLM's name, or `embedded`.")
    verifiers: dict[str, str] = runtime(
        {}, "Verifier version -> VLM's name; the embedded versions are always there."
    )
    registered: str = runtime(
        "transformers",
        "Who answers for a registered Qwen-Verify version: `transformers` loads it into this "
        "process; else the name of a VLM whose server knows the version by its name.",
    )
    device: str = runtime(
        "auto", "Where a registered version runs that is loaded here: `auto`, `cuda`, `cpu`."
    )
    entailment: bool = identity(
        False, "Whether a second question checks a rewritten text against the differences found."
    )
    judge: str = runtime(EMBEDDED, "Who judges UnicBench: a VLM's name, or `embedded`.")
