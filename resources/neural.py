"""The neural family: diffusion editors and vision-language models play the roles.

Every role falls back to its embedded player, so that one part can be tried at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from resources.editors.build import editor_from
from resources.embedded import embedded_backends
from resources.vlms.build import vlm_from
from unicedit_assets.domain.roles import Editor, Instructor, Judge, Verifier
from unicedit_assets.domain.taxonomy import SUBTASKS
from unicedit_assets.pipeline.project import Backends
from unicedit_assets.qwen_verify.contradictions import InstructionRule
from unicedit_assets.settings import Settings, SettingsError
from unicedit_assets.settings.editors import EmbeddedEditor
from unicedit_assets.settings.roles import EMBEDDED
from unicedit_assets.vlm.instructor import VlmInstructor
from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.roles import Vlm
from unicedit_assets.vlm.verifier import VerifierOptions, VlmVerifier


def neural_backends(settings: Settings) -> Backends:
    """Build the players that ``[editors]``, ``[vlms]`` and ``[roles]`` name; no model is loaded.

    Raises:
        SettingsError: a role names a VLM that is not there, or a needed package is missing.
    """
    embedded, roles = embedded_backends(settings), settings.roles
    editors = _editors(settings, embedded.editors)
    instructor: Instructor = embedded.instructor
    subtasks = embedded.subtasks
    if roles.instructor != EMBEDDED:
        instructor, subtasks = VlmInstructor(_vlm(settings, roles.instructor)), SUBTASKS
    judge: Judge = embedded.judge
    if roles.judge != EMBEDDED:
        judge = VlmJudge(_vlm(settings, roles.judge))
    verifiers: dict[str, Verifier] = dict(embedded.verifiers)
    for version, name in roles.verifiers.items():
        if version in verifiers:
            raise SettingsError(f"roles.verifiers: {version!r} is an embedded version's name")
        vlm = _vlm(settings, name)
        layout = settings.vlms[name].layout
        options = VerifierOptions(entailment=roles.entailment, layout=layout)
        verifiers[version] = VlmVerifier(version, vlm, options, InstructionRule())
    return replace(
        embedded,
        instructor=instructor,
        editors=editors,
        # The benchmark scores the classical editor without the faults planted for the verifier.
        models={
            **_editors(settings, embedded.models),
            "identity": embedded.models["identity"],
        },
        verifiers=verifiers,
        judge=judge,
        subtasks=subtasks,
    )


def _editors(settings: Settings, embedded: Mapping[str, Editor]) -> dict[str, Editor]:
    if not settings.editors:
        raise SettingsError('profile = "neural" needs at least one editor: add an [editors.NAME]')
    return {
        name: embedded["classical"]
        if isinstance(chosen, EmbeddedEditor)
        else editor_from(name, chosen, settings.gpu)
        for name, chosen in settings.editors.items()
    }


def _vlm(settings: Settings, name: str) -> Vlm:
    if name not in settings.vlms:
        known = ", ".join([*settings.vlms, EMBEDDED])
        raise SettingsError(f"roles: no VLM {name!r}; there are: {known}")
    return vlm_from(name, settings.vlms[name], settings.gpu)
