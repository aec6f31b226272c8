"""All stages by name, in pipeline order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from unicedit_assets.domain import schemas
from unicedit_assets.pipeline.edits import Edits
from unicedit_assets.pipeline.instructions import Instructions
from unicedit_assets.pipeline.raw_images import RawImages
from unicedit_assets.pipeline.release import Release
from unicedit_assets.pipeline.stage import Stage
from unicedit_assets.pipeline.synthetic_pairs import SyntheticPairs
from unicedit_assets.pipeline.unicbench import UnicBench
from unicedit_assets.pipeline.unicbench_edits import UnicBenchEdits
from unicedit_assets.pipeline.unicbench_scores import UnicBenchScores
from unicedit_assets.pipeline.verified_edits import VerifiedEdits
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_sets import PREFERENCE, SFT, VerifierSet
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.pipeline.verifier_training import PREFERRED, SUPERVISED, TrainingStage
from unicedit_assets.qwen_verify.chat import with_features

_ALL: tuple[Stage, ...] = (
    RawImages(),
    Instructions(),
    UnicBench(),
    Edits(),
    VerifiedEdits(),
    Release(),
    UnicBenchEdits(),
    UnicBenchScores(),
    SyntheticPairs(),
    VerifierSet(SFT, with_features(schemas.VERIFY_SFT)),
    VerifierSet(PREFERENCE, with_features(schemas.VERIFY_PREFERENCE)),
    VerifierTests(),
    TrainingStage(SUPERVISED),
    TrainingStage(PREFERRED),
    QwenVerifyEval(),
)

STAGES: Mapping[str, Stage] = MappingProxyType({stage.name: stage for stage in _ALL})
