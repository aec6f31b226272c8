"""The table of contents: assets in pipeline order, those of training, checks, jobs, sensors."""

from __future__ import annotations

import dagster as dg

from resources.project import ProjectResource
from sensors.new_images import new_images
from sensors.re_verification import re_verification
from sensors.schedules import BACKFILLS
from unicedit_assets.checks.bridge import asset_checks
from unicedit_assets.jobs import JOBS
from unicedit_assets.stages.edits import edits
from unicedit_assets.stages.instructions import instructions
from unicedit_assets.stages.qwen_verify import qwen_verify, qwen_verify_sft
from unicedit_assets.stages.qwen_verify_eval import qwen_verify_eval
from unicedit_assets.stages.raw_images import raw_images
from unicedit_assets.stages.synthetic_pairs import synthetic_pairs
from unicedit_assets.stages.unicbench import unicbench
from unicedit_assets.stages.unicbench_edits import unicbench_edits
from unicedit_assets.stages.unicbench_scores import unicbench_scores
from unicedit_assets.stages.unicedit_10m import unicedit_10m
from unicedit_assets.stages.verified_edits import verified_edits
from unicedit_assets.stages.verifier_sets import verify_preference_set, verify_sft_set

ASSETS = {
    "raw_images": raw_images,
    "instructions": instructions,
    "unicbench": unicbench,
    "edits": edits,
    "verified_edits": verified_edits,
    "unicedit_10m": unicedit_10m,
    "unicbench_edits": unicbench_edits,
    "unicbench_scores": unicbench_scores,
}

TRAINING_ASSETS = {
    "synthetic_pairs": synthetic_pairs,
    "verify_sft_set": verify_sft_set,
    "verify_preference_set": verify_preference_set,
    "qwen_verify_sft": qwen_verify_sft,
    "qwen_verify": qwen_verify,
    "qwen_verify_eval": qwen_verify_eval,
}
EVERY_ASSET = {**ASSETS, **TRAINING_ASSETS}

defs = dg.Definitions(
    assets=list(EVERY_ASSET.values()),
    asset_checks=asset_checks(EVERY_ASSET),
    jobs=list(JOBS.values()),
    sensors=[new_images, re_verification],
    schedules=BACKFILLS,
    resources={"project": ProjectResource()},
    # One partition is one run, and inside a run the work is parallel already.
    executor=dg.in_process_executor,
)
