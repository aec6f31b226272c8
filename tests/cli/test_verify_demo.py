"""The small Qwen-Verify's demo, end to end on a toy: real training, real table, real report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from backends import write_photographs
from cli.test_pipeline_commands import told

from unicedit_assets.cli import verify_demo
from unicedit_assets.settings import HOME_VARIABLE

TOY = {"synthetic_pairs.shards": 1, "synthetic_pairs.rows": 120, "synthetic_pairs.side": 64}
FEW = {"verifier_tests.most": 12, "verifier_tests.per_photograph": 1, "holdout": 1}


@pytest.mark.neural
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_it_trains_its_rivals_too_and_puts_all_into_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resources.qwen_verify import preparing, sizes

    monkeypatch.setattr(preparing, "SMALL", sizes.TINY)
    monkeypatch.setattr(preparing.shutil, "which", lambda name: None)
    monkeypatch.setattr(
        verify_demo,
        "SETTINGS",
        {**verify_demo.SETTINGS, "verifier_sets.test": 0.1, **TOY, **FEW},
    )
    for variable in (HOME_VARIABLE, "DAGSTER_HOME"):
        monkeypatch.setenv(variable, "")
    write_photographs(tmp_path / "photographs" / "npm", range(3))
    shown = told("verify", "demo", "--out", tmp_path, "--minutes", "0.1", "--ablation")
    assert "report: " in shown
    found = {one["name"]: one for one in json.loads((tmp_path / "verifiers.json").read_text())}
    trained = {"small", "small-sft", "small-dpo", "small-two-images-sft", "small-untrained-sft"}
    assert trained | {"pixels", "ssim", "evidence-1"} <= set(found)
    assert len({json.dumps(one["figures"]["all"]["pairs"]) for one in found.values()}) == 1
    page = (tmp_path / "report.html").read_text()
    assert all(name in page for name in found)
    again = told("verify", "demo", "--out", tmp_path, "--minutes", "0.1", "--ablation")
    assert again.count(" 0 partitions made") == len(verify_demo.ABLATION) + 1
