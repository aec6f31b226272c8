"""Frames of training sets and evaluations of verifiers; pictures stay where they are."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from unicedit_assets.domain import schemas, texts
from unicedit_assets.pipeline.project import MAIN
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.qwen_verify.balance import Cell, spread
from unicedit_assets.qwen_verify.chain import CLASS_OF
from unicedit_assets.qwen_verify.splitting import Split, leaks
from unicedit_assets.qwen_verify.versions import VersionError, Versions
from unicedit_assets.synthetic.pair import Kind
from unicedit_assets.vlm.parsing import ParseError, parse_reply
from unicedit_assets.vlm.verifier import SCHEMA, contradiction

if TYPE_CHECKING:
    from unicedit_assets.pipeline.project import Project
    from unicedit_assets.storage.manifests import Manifest

_PICTURE_NAME = "images.list.element.path"


def training_set(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Rows of a training set: splits, texts and chains; the names of pictures, not their bytes."""
    return _set_frame(project, manifest, schemas.VERIFY_SFT)


def preference_set(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Rows of a preference set: as above, and whether there is something to prefer."""
    frame = _set_frame(project, manifest, schemas.VERIFY_PREFERENCE)
    frame["rejected_is_another_chain"] = [
        chosen == target and rejected != chosen and _chain(rejected) is not None
        for target, chosen, rejected in zip(
            frame["target"], frame["chosen"], frame["rejected"], strict=True
        )
    ]
    return frame


def _set_frame(project: Project, manifest: Manifest, schema: pa.Schema) -> pd.DataFrame:
    plain = [field.name for field in schema if field.type == pa.string()]
    columns = [*plain, _PICTURE_NAME]
    frame: pd.DataFrame = project.ledger.read(manifest, schemas.ROWS, columns).to_pandas()
    leaking = leaks(zip(frame["group"], frame["split"], strict=True))
    chains = [_chain(target) for target in frame["target"]]
    frame["two_pictures"] = [len(pictures) == 2 for pictures in frame.pop("images")]
    frame["in_one_split"] = [group not in leaking for group in frame["group"]]
    frame["held_out_only_in_test"] = [
        (split == Split.TEST) == bool(held)
        for split, held in zip(frame["split"], frame["held_out"], strict=True)
    ]
    frame["is_english"] = [texts.is_english(text) for text in frame["prompt_en"]]
    frame["is_chinese"] = [texts.is_chinese(text) for text in frame["prompt_cn"]]
    frame["target_is_a_chain"] = [
        chain is not None and not contradiction(chain) for chain in chains
    ]
    frame["target_fits_kind"] = [
        chain is not None and chain["class"] == CLASS_OF.get(_kind(kind))
        for chain, kind in zip(chains, frame["kind"], strict=True)
    ]
    return frame


def _chain(text: str) -> dict[str, Any] | None:
    try:
        return parse_reply(text, SCHEMA)
    except ParseError:
        return None


def _kind(text: str) -> Any:
    """Return a kind, or the text itself, which is none."""
    return Kind(text) if text in {kind.value for kind in Kind} else text


def balance(project: Project, manifest: Manifest) -> pd.DataFrame:
    """One row a split: the largest kind and subtask over the median one."""
    table = project.ledger.read(manifest, schemas.ROWS, ["split", "kind", "subtask"])
    cells = Counter(Cell(**row) for row in table.to_pylist())
    splits = sorted({cell.split for cell in cells}) or [Split.TRAIN.value]
    return pd.DataFrame(
        [
            {
                "split": name,
                "spread": spread({c: n for c, n in cells.items() if c.split == name}),
            }
            for name in splits
        ]
    )


def curve(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Training curves, and whether every file of the version is what was registered."""
    frame: pd.DataFrame = project.ledger.read(manifest, schemas.ROWS).to_pandas()
    frame["is_finite"] = [math.isfinite(value) for value in frame["value"]]
    frame["version_is_whole"] = _is_whole(project, manifest)
    return frame


def _is_whole(project: Project, manifest: Manifest) -> bool:
    versions = Versions(project.ledger.store)
    try:
        version = versions.require(str(manifest.extra["version"]))
        versions.verify(version)
    except VersionError:
        return False
    return version.sha256 == manifest.extra["sha256"]


def answers(project: Project, manifest: Manifest) -> pd.DataFrame:
    """Answers of one verifier beside the pairs that it was asked about."""
    frame: pd.DataFrame = project.ledger.read(manifest, schemas.ROWS).to_pandas()
    tests = project.require(Ref(VerifierTests.name, MAIN))
    asked = set(project.ledger.read(tests, schemas.ROWS, ["key"])["key"].to_pylist())
    lost = project.ledger.read(manifest, schemas.REJECTS, ["unit_id"])["unit_id"].to_pylist()
    whole = asked == {*frame["key"], *lost} and len(asked) == len(frame) + len(lost)
    frame["is_a_test_pair"] = [key in asked for key in frame["key"]]
    frame["all_are_answered"] = whole
    return frame
