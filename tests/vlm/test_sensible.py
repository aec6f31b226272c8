"""All players over HTTP against a server that really looks: right edits pass, wrong do not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from photographs import photograph
from vlm_server import VlmServer, sensible

from resources.vlms.build import vlm_from
from unicedit_assets.classical.editor import ClassicalEditor
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.roles import Draft
from unicedit_assets.settings.vlms import HttpVlm
from unicedit_assets.vlm.instructor import VlmInstructor
from unicedit_assets.vlm.judge import VlmJudge
from unicedit_assets.vlm.roles import Vlm
from unicedit_assets.vlm.verifier import VerifierOptions, VlmVerifier


@pytest.fixture(scope="module")
def vlm() -> Iterator[Vlm]:
    with VlmServer(sensible) as server:
        yield vlm_from("eyes", HttpVlm(kind="openai", model="m", base_url=server.url))


def test_instruct_edit_verify_and_judge(vlm: Vlm) -> None:
    image = photograph(5, (640, 480))
    instructor = VlmInstructor(vlm)
    survey = instructor.survey(image)
    wanted = [s for s in ("Tone Transformation", "Style Transfer") if s in survey.subtasks]
    drafts = instructor.write(image, survey, wanted, seed=1)
    assert wanted
    assert [type(draft) for draft in drafts] == [Draft] * len(wanted)
    verifier = VlmVerifier("eyes-1", vlm, VerifierOptions(entailment=True))
    judge = VlmJudge(vlm)
    for draft in drafts:
        edited = ClassicalEditor().edit(image, draft.en, 1).pixels
        verdict = verifier.verify(image, edited, draft.en, draft.cn)
        assert verdict.reason is None
        assert verdict.evidence["confidence_measured"] == 1.0
        assert verdict.evidence["entailed"] == 1.0
        scores = judge.score(image, edited, draft.en, ())
        assert scores.instruction_following is not None
        assert scores.instruction_following > 7
        nothing = verifier.verify(image, image.copy(), draft.en, draft.cn)
        assert nothing.reason is Reason.NO_EDIT
        assert nothing.evidence["prefiltered"] == 1.0
        noise = np.clip(
            image.astype(int) + np.random.default_rng(0).integers(-9, 10, image.shape), 0, 255
        )
        noisy = verifier.verify(image, noise.astype(np.uint8), draft.en, draft.cn)
        assert noisy.reason is not None
        assert noisy.evidence["prefiltered"] == 0.0
