"""Registered Qwen-Verify versions as verifiers of any profile; loaded at first use.

A version's weights come out of the store into a folder below the home, every file's hash checked,
when the first edit is verified: opening a project, or reading a fingerprint, loads nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from resources.vlms.build import vlm_from
from resources.vlms.in_transformers import IDENTITY
from unicedit_assets.domain.identity import Json
from unicedit_assets.domain.roles import Pixels, Verdict, Verifier
from unicedit_assets.pipeline.project import BASELINES
from unicedit_assets.qwen_verify.contradictions import InstructionRule
from unicedit_assets.qwen_verify.versions import CACHE, Version, VersionError, Versions
from unicedit_assets.settings import Settings, SettingsError
from unicedit_assets.settings.vlms import HttpVlm, TransformersVlm, VlmModel
from unicedit_assets.storage.blobs import BlobStore, open_store
from unicedit_assets.vlm.prompting import prompt_sha256
from unicedit_assets.vlm.stacking import CELL, MODEL_TYPES
from unicedit_assets.vlm.verifier import VERSION as CODE
from unicedit_assets.vlm.verifier import VerifierOptions, VlmVerifier

TRANSFORMERS = "transformers"
# A trained one writes a chain and ends; what it does not write at once, it does not write when it
# is asked in words that it never saw.
_TOKENS, _ATTEMPTS = 512, 1

_BUILT: dict[tuple[str, str], VlmVerifier] = {}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class RegisteredVerifier:
    """One registered version; it travels as names and settings, never with its weights.

    Attributes:
        version: what was registered.
        store_url: the store that its files are in.
        cache: local folder for weights.
        served_by: the model server that knows the version by its name; None: this process.
        settings: of the project, as JSON; whoever unpickles one builds its own model.
    """

    version: Version
    store_url: str
    cache: str
    served_by: HttpVlm | None
    settings: str
    options: VerifierOptions = field(default_factory=VerifierOptions)

    @property
    def identity(self) -> Mapping[str, Json]:
        """What can change a verdict: every byte of the version, the question, who serves it."""
        server = self.served_by.identity_fields() if self.served_by else dict(IDENTITY)
        return {
            "name": "qwen-verify",
            "version": self.version.name,
            "sha256": self.version.sha256,
            "code": CODE,
            # Which of the two is asked follows from the version's own configuration.
            "prompt_sha256": prompt_sha256("verifier", "verifier_trained"),
            "options": {**asdict(self.options), "trained": [_TOKENS, _ATTEMPTS]},
            "rule": dict(InstructionRule().identity),
            "served_by": server,
        }

    def asking_always(self) -> RegisteredVerifier:
        """Return the version without its filter of equal pixels, to measure the model alone."""
        return replace(self, options=replace(self.options, certain_no_edit=0.0))

    @property
    def concurrency(self) -> int:
        return self.served_by.concurrency if self.served_by else 1

    @property
    def load(self) -> Callable[[], None] | None:
        """Fetches and loads the model; None where a server holds it."""
        return None if self.served_by else self._load

    def _load(self) -> None:
        load = self._verifier().load
        if load is not None:
            load()

    def verify(self, source: Pixels, edited: Pixels, en: str, cn: str) -> Verdict:
        """Return the verdict on one triplet; errors as for ``VlmVerifier``.

        Raises:
            VersionError: the weights in the store are not those that were registered.
        """
        return self._verifier().verify(source, edited, en, cn)

    def _verifier(self) -> VlmVerifier:
        key = (self.version.sha256, self.store_url + self.settings + repr(self.options))
        with _LOCK:
            if key not in _BUILT:
                _BUILT[key] = self._build()
            return _BUILT[key]

    def _build(self) -> VlmVerifier:
        settings = Settings.model_validate_json(self.settings)
        versions = Versions(open_store(self.store_url))
        model: VlmModel
        if self.served_by is not None:
            model = self.served_by.model_copy(update={"model": self.version.name})
        else:
            folder = versions.materialize(self.version, Path(self.cache))
            model = TransformersVlm(model=str(folder), device=settings.roles.device)
        shown = panels_of(versions.config(self.version))
        vlm = vlm_from(
            f"verifier-{self.version.name}", model.model_copy(update=shown), settings.gpu
        )
        layout = model.model_copy(update=shown).layout
        options = self.options
        if layout:
            options = replace(options, layout=layout, max_tokens=_TOKENS, attempts=_ATTEMPTS)
        return VlmVerifier(self.version.name, vlm, options, InstructionRule())


def panels_of(config: Mapping[str, Any]) -> dict[str, int]:
    """Return how a model is shown both pictures, as settings of a VLM, from its config.json.

    A trained Qwen-Verify sees one tall picture; any other model is asked with two pictures.
    """
    if config.get("model_type") not in MODEL_TYPES:
        return {}
    panels = 3 if config.get("difference") == "tokens" else 2
    shown = {"panels": panels, "panel_side": int(config.get("panel", 0))}
    vision = config.get("vision_config", {})
    cell = vision.get("patch_size", 0) * vision.get("spatial_merge_size", 0)
    later = {
        "panel_max_pixels": int(config.get("panel_max_pixels", 0)),
        "panel_cell": 0 if cell == CELL else cell,
    }
    return {**shown, **{name: value for name, value in later.items() if value}}


def registered_verifiers(
    settings: Settings, store: BlobStore, home: Path, taken: Mapping[str, Verifier]
) -> dict[str, Verifier]:
    """Return every registered version by name.

    Raises:
        SettingsError: the settings name a server that is not there, or a name is taken twice.
    """
    found: dict[str, Verifier] = {}
    versions = Versions(store)
    for name in versions.names():
        if name in taken:
            raise SettingsError(
                f"roles.verifiers: {name!r} is a registered version's name: call it otherwise"
            )
        found[name] = RegisteredVerifier(
            version=versions.require(name),
            store_url=store.url,
            cache=str(home.absolute() / CACHE),
            served_by=_server(settings),
            settings=settings.model_dump_json(include={"roles", "gpu"}),
            options=VerifierOptions(entailment=settings.roles.entailment),
        )
    return found


def _server(settings: Settings) -> HttpVlm | None:
    wanted = settings.roles.registered
    if wanted == TRANSFORMERS:
        return None
    model = settings.vlms.get(wanted)
    if not isinstance(model, HttpVlm):
        known = [name for name, one in settings.vlms.items() if isinstance(one, HttpVlm)]
        names = ", ".join([TRANSFORMERS, *known])
        raise SettingsError(f"roles.registered: no server {wanted!r}; there are: {names}")
    return model


def checked_new_name(name: str, taken: Mapping[str, Verifier]) -> str:
    """Return the name of a version that is to be added.

    Raises:
        VersionError: something else that can be promoted or evaluated has that name.
    """
    if name in BASELINES or name in taken:
        raise VersionError(f"{name!r} is the name of another verifier: choose another one")
    return name
