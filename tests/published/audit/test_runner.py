from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from published.samples import clean, key, png, record, write_folder
from unicedit_assets.published.audit import AuditSettings, Defect, Progress, audit
from unicedit_assets.published.audit.report import NEEDS_PICTURES
from unicedit_assets.published.schema import data_file
from unicedit_assets.published.writer import PNG_SIGNATURE, ReleaseRow, write_data_file


def dirty() -> list:
    rows = clean(40)
    for index in range(0, 40, 2):
        rows[index]["prompt_en"] = ""
    rows[7]["edit_image"] = {"bytes": b"", "path": None}
    rows[30]["key"] = rows[1]["key"]
    return rows


def test_quick_reads_no_pictures_and_says_so(tmp_path: Path):
    rows = clean()
    rows[1]["src_image"] = None
    rows[5]["key"] = rows[4]["key"]
    report = audit(write_folder(tmp_path, rows), AuditSettings(quick=True))
    assert report.counts == {Defect.REPEATED_KEY: 1}
    assert report.pairs_examined == 0
    assert set(report.unchecked) == NEEDS_PICTURES


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_all_findings_are_written_even_when_examples_are_capped(tmp_path: Path, suffix: str):
    path = tmp_path / "out" / f"findings.{suffix}"
    settings = AuditSettings(examples=3, findings=path)
    report = audit(write_folder(tmp_path / "set", dirty()), settings)
    assert report.counts[Defect.EMPTY_TEXT] == 20
    assert len(report.examples[Defect.EMPTY_TEXT]) == 3
    if suffix == "parquet":
        written = pq.read_table(path).to_pylist()
    else:
        written = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(written) == report.errors + report.notices
    assert {row["row"] for row in written if row["file"].startswith("train-00000")} >= {0, 2, 7}
    assert {
        "defect": "missing_image",
        "severity": "error",
        "file": "train-00000-of-00002.parquet",
        "row": 7,
        "key": key(7),
        "detail": "edit_image has no bytes",
    } in written
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_findings_of_a_broken_off_audit_do_not_appear(tmp_path: Path):
    def stop(progress: Progress) -> None:
        if progress.phase == "pictures":
            raise KeyboardInterrupt

    path = tmp_path / "out" / "findings.parquet"
    with pytest.raises(KeyboardInterrupt):
        audit(write_folder(tmp_path / "set", dirty()), AuditSettings(findings=path), stop)
    assert not list(path.parent.iterdir())


def test_an_unknown_suffix_is_refused(tmp_path: Path):
    write_folder(tmp_path, clean())
    with pytest.raises(ValueError, match=r"\.parquet or \.jsonl"):
        audit(tmp_path, AuditSettings(findings=tmp_path / "findings.csv"))


def test_workers_change_nothing(tmp_path: Path):
    write_folder(tmp_path / "set", dirty())
    written = []
    for workers in (1, 4):
        path = tmp_path / f"{workers}.jsonl"
        audit(tmp_path / "set", AuditSettings(workers=workers, findings=path))
        written.append(path.read_bytes())
    assert written[0] == written[1]


def test_a_sample_draws_row_groups_by_its_seed(tmp_path: Path):
    write_folder(tmp_path, clean(44), files=2)

    def sampled(seed: int) -> tuple[int, list[int]]:
        told: list[Progress] = []
        report = audit(tmp_path, AuditSettings(sample=6, seed=seed), told.append)
        assert report.sampled
        assert report.texts_examined == 44
        return report.pairs_examined, [p.done for p in told if p.phase == "pictures"]

    assert sampled(0) == sampled(0)
    drawn = [sampled(seed) for seed in range(12)]
    assert all(6 <= rows <= 10 for rows, _ in drawn)
    assert len({tuple(steps) for _, steps in drawn}) > 1


def test_a_sample_larger_than_the_data_set_is_all_of_it(tmp_path: Path):
    write_folder(tmp_path, clean())
    assert audit(tmp_path, AuditSettings(sample=10_000)).pairs_examined == 22


@pytest.mark.parametrize("bad", [{"workers": 0}, {"sample": 0}])
def test_impossible_settings(bad):
    with pytest.raises(ValueError, match="at least 1"):
        AuditSettings(**bad)


def test_progress_ends_at_the_total_of_each_phase(tmp_path: Path):
    told: list[Progress] = []
    audit(write_folder(tmp_path, clean()), on_progress=told.append)
    last = {progress.phase: progress for progress in told}
    assert list(last) == ["files", "texts", "pictures"]
    assert all(progress.done == progress.total for progress in last.values())
    assert [p.done for p in told if p.phase == "pictures"] == [5, 10, 11, 16, 21, 22]


def test_a_picture_above_the_pixel_limit_is_not_decoded(tmp_path: Path):
    rows = clean()
    rows[3]["src_image"]["bytes"] = png(1, 200, 200)
    report = audit(write_folder(tmp_path, rows), AuditSettings(max_pixels=10_000))
    assert report.counts == {Defect.UNDECODABLE_IMAGE: 1}
    assert "200x200" in report.examples[Defect.UNDECODABLE_IMAGE][0].detail


def test_the_summary_is_json_and_adds_up(tmp_path: Path):
    report = audit(write_folder(tmp_path, [*dirty(), record(40, "Color Alteration")]))
    summary = json.loads(json.dumps(report.to_json()))
    assert summary["errors"] + summary["notices"] == sum(summary["counts"].values())
    assert sum(summary["balance"]["subtasks"].values()) == summary["rows"] == 41


_MEMORY = """
import sys
from pathlib import Path
import pyarrow as pa
from unicedit_assets.published.audit import AuditSettings, audit
report = audit(Path(sys.argv[1]), AuditSettings(findings=Path(sys.argv[2])))
print(report.pairs_examined, pa.default_memory_pool().max_memory())
"""


def test_memory_does_not_follow_the_size_of_row_groups(tmp_path: Path):
    rows = [
        ReleaseRow(key(i), "Color Alteration", PNG_SIGNATURE + data, PNG_SIGNATURE, "红", "red")
        for i, data in enumerate([bytes(100_000)] * 400)
    ]
    (tmp_path / "data").mkdir()
    written = write_data_file(
        tmp_path / data_file(0, 1), rows, row_group_bytes=1 << 40, row_group_rows=400
    )
    assert written.row_groups == 1
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(tmp_path), str(tmp_path / "findings.jsonl")],
        capture_output=True,
        check=True,
        text=True,
    )
    examined, peak = map(int, done.stdout.split())
    assert examined == 400
    assert peak < written.bytes / 4
