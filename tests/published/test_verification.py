from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from published.samples import clean, key, png, write_folder
from published.scripted import Scripted
from unicedit_assets.published.verdicts import VERDICT_SCHEMA, OutputError, Verdicts
from unicedit_assets.published.verification import VerifySettings, VerifySummary, verify_triplets


def lay_out(folder: Path, *rows: dict) -> Path:
    for seed in (1, 2):
        (folder / f"{seed}.png").write_bytes(png(seed))
    (folder / "small.png").write_bytes(png(3, 16, 16))
    (folder / "broken.png").write_bytes(png(1)[:-500])
    (folder / "folder.png").mkdir(exist_ok=True)
    path = folder / "in.jsonl"
    default = {"src": "1.png", "edit": "2.png", "prompt_en": "Paint it red"}
    path.write_text("".join(json.dumps(default | row) + "\n" for row in rows), "utf-8")
    return path


def written(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def verify(source: Path, output: Path, version: str = "1", **options: object) -> VerifySummary:
    return verify_triplets(source, output, partial(Scripted, version), VerifySettings(**options))


def conserved(summary: VerifySummary) -> bool:
    return summary.inputs == summary.accepted + summary.rejected + summary.failed


def test_an_accepted_triplet(tmp_path: Path):
    source = lay_out(tmp_path, {"key": "k", "prompt_cn": "涂红"})
    summary = verify(source, tmp_path / "out.jsonl")
    (row,) = written(tmp_path / "out.jsonl")
    assert row.pop("evidence")["mean"] > 1
    assert len(row.pop("verifier")) == 32
    assert row == {
        "key": "k",
        "occurrence": 1,
        "place": "line 1",
        "verdict": "accepted",
        "reason": None,
        "detail": "",
        "is_changed": True,
        "confidence": 0.75,
        "differences": ["all of it"],
        "rewritten_en": "Change everything",
        "rewritten_cn": "全部改变 涂红",
    }
    assert (summary.inputs, summary.accepted, summary.reasons) == (1, 1, {})


@pytest.mark.parametrize(
    ("change", "verdict", "reason", "detail"),
    [
        ({"edit": "1.png"}, "rejected", "no_edit", ""),
        ({"edit": "small.png"}, "rejected", "wrong_size", "source 32x48, edit 16x16"),
        ({"edit": "broken.png"}, "failed", "undecodable", "edit: "),
        ({"src": "in.jsonl"}, "failed", "undecodable", "src: "),
        ({"src": "nothing.png"}, "failed", "unreadable", "No such file"),
        ({"src": "folder.png"}, "failed", "not_a_file", "not a regular file"),
        ({"src": "../1.png"}, "failed", "outside_root", "root folder"),
        ({"src": None}, "failed", "unparseable", "src is missing"),
        ({"prompt_en": "raise"}, "failed", "verifier_failed", "RuntimeError: no answer at all"),
        ({"prompt_en": "nan"}, "failed", "verifier_failed", "not a verdict: confidence nan"),
        ({"prompt_en": "odd nothing"}, "failed", "verifier_failed", "a NoneType"),
        ({"prompt_en": "odd reason"}, "failed", "verifier_failed", "cannot reject for"),
        ({"prompt_en": "odd acceptance"}, "failed", "verifier_failed", "nothing changed"),
        ({"prompt_en": "odd text"}, "failed", "verifier_failed", "cannot be stored"),
        ({"prompt_en": "odd region"}, "failed", "verifier_failed", "no box"),
        ({"prompt_en": "odd evidence"}, "failed", "verifier_failed", "evidence 'mean' is inf"),
        ({"prompt_en": "odd language"}, "rejected", "unparseable", "not English"),
    ],
)
def test_a_row_that_is_not_accepted_says_why(tmp_path: Path, change, verdict, reason, detail):
    summary = verify(lay_out(tmp_path, {}, change, {}), tmp_path / "out.jsonl")
    rows = written(tmp_path / "out.jsonl")
    assert len(rows) == summary.inputs == 3
    found = next(row for row in rows if row["place"] == "line 2")
    assert (found["verdict"], found["reason"]) == (verdict, reason)
    assert detail in found["detail"]
    assert summary.reasons == {reason: 1}
    assert conserved(summary)


def test_parquet_to_parquet(tmp_path: Path):
    rows = clean(9)
    rows[4]["edit_image"] = rows[4]["src_image"]
    rows[5]["src_image"] = None
    summary = verify(write_folder(tmp_path / "set", rows), tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.equals(VERDICT_SCHEMA)
    assert table["key"].to_pylist() == [key(seed) for seed in range(9)]
    assert table["reason"].to_pylist()[3:7] == [None, "no_edit", "undecodable", None]
    assert json.loads(table["evidence"][0].as_py())["mean"] > 1
    assert (summary.accepted, summary.rejected, summary.failed) == (7, 1, 1)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.parquet"]


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_a_second_run_judges_only_what_is_new(tmp_path: Path, name: str):
    verify(lay_out(tmp_path, {"key": "a"}, {"key": "b"}), tmp_path / name)
    source = lay_out(tmp_path, {"key": "b"}, {"key": "c", "edit": "1.png"})
    summary = verify(source, tmp_path / name)
    assert (summary.inputs, summary.resumed, summary.stale) == (2, 1, 1)
    assert summary.reasons == {"no_edit": 1}
    again = verify(source, tmp_path / name)
    assert (again.inputs, again.resumed, again.reasons) == (2, 2, {"no_edit": 1})


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_failed_rows_are_judged_again_when_asked(tmp_path: Path, name: str):
    source, output = lay_out(tmp_path, {"key": "a", "edit": "9.png"}, {"key": "b"}), tmp_path / name
    assert verify(source, output).failed == 1
    (tmp_path / "9.png").write_bytes(png(2))
    assert verify(source, output).failed == 1
    mended = verify(source, output, again=True)
    assert (mended.accepted, mended.failed, mended.resumed) == (2, 0, 1)
    rest = verify(source, output)
    assert (rest.inputs, rest.accepted, rest.resumed, rest.stale) == (2, 2, 2, 0)
    files = {path.name for path in tmp_path.iterdir() if path.name.startswith((".", "out"))}
    assert files == {name}


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
def test_judging_again_keeps_a_link_and_who_may_read(tmp_path: Path, name: str):
    source, link = lay_out(tmp_path, {"key": "a", "edit": "9.png"}), tmp_path / name
    (tmp_path / "kept").mkdir()
    link.symlink_to(tmp_path / "kept" / name)
    assert verify(source, link).failed == 1
    link.chmod(0o640)
    (tmp_path / "9.png").write_bytes(png(2))
    assert verify(source, link, again=True).accepted == 1
    assert link.is_symlink()
    (only,) = (tmp_path / "kept").iterdir()
    assert (only.name, only.stat().st_mode & 0o777) == (name, 0o640)


def test_what_is_forgotten_comes_to_nothing_where_a_row_is_none(tmp_path: Path):
    output = tmp_path / "out.jsonl"
    verify(lay_out(tmp_path, {"key": "a"}, {"key": "b"}), output)
    before = output.read_bytes()
    with Verdicts(output) as verdicts:
        output.write_bytes(broken := before + b"{}\n")
        with pytest.raises(OutputError, match="not a verdict"):
            verdicts.forget(lambda row: row.key == "a")
    assert output.read_bytes() == broken
    assert [path.name for path in tmp_path.glob("*out*")] == ["out.jsonl"]


def test_a_file_that_is_replaced_before_it_is_locked_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    output, other = tmp_path / "out.jsonl", tmp_path / "other.jsonl"
    verify(lay_out(tmp_path, {"key": "a"}), output)
    verify(lay_out(tmp_path, {"key": "b"}), other)
    lock = fcntl.flock

    def replaced_first(stream: BinaryIO, how: int) -> None:
        if other.exists():
            other.replace(output)
        lock(stream, how)

    monkeypatch.setattr(fcntl, "flock", replaced_first)
    with Verdicts(output) as verdicts:
        (row,) = verdicts.rows()
        verdicts.add(replace(row, key="c"))
    assert [row["key"] for row in written(output)] == ["b", "c"]


def test_rows_that_share_a_key_are_all_judged_and_all_resumed(tmp_path: Path):
    source = lay_out(tmp_path, {"key": "a"}, {"key": "a", "edit": "1.png"}, {"key": "a"})
    output = tmp_path / "out.jsonl"
    assert verify(source, output).inputs == 3
    assert [row["occurrence"] for row in written(output)] == [1, 2, 3]
    assert verify(source, output).resumed == 3


@pytest.mark.parametrize("name", ["out.jsonl", "out.parquet"])
@pytest.mark.parametrize("survived", [0, 1, 5])
def test_a_killed_run_goes_on_where_it_was(tmp_path: Path, name: str, survived: int):
    rows = [{"key": f"k{i}", "edit": f"{i % 2 + 1}.png"} for i in range(8)]
    source, output = lay_out(tmp_path, *rows), tmp_path / name
    script = (
        "import sys; from functools import partial; from pathlib import Path\n"
        "from published.scripted import Scripted\n"
        "from unicedit_assets.published.verification import verify_triplets\n"
        f"verify_triplets(Path(sys.argv[1]), Path(sys.argv[2]), partial(Scripted, '1', {survived}))"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run(
        [sys.executable, "-c", script, str(source), str(output)], env=environment, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    summary = verify(source, output)
    assert summary.resumed == survived
    verify(source, tmp_path / f"whole-{name}")
    assert output.read_bytes() == (tmp_path / f"whole-{name}").read_bytes()


def test_a_kill_before_the_journal_is_removed_doubles_nothing(tmp_path: Path, monkeypatch):
    source, output = lay_out(tmp_path, {"key": "a"}, {"key": "b"}), tmp_path / "out.parquet"
    journal = tmp_path / ".out.parquet.partial.jsonl"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        verify(source, output)
    before = output.read_bytes()
    assert journal.exists()
    summary = verify(source, output)
    assert (summary.inputs, summary.resumed) == (2, 2)
    assert output.read_bytes() == before
    assert not journal.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.floats(0, 1))
def test_a_journal_cut_anywhere_heals(tmp_path: Path, share: float):
    source = lay_out(tmp_path, {"key": "a"}, {"key": "b", "src": "no"}, {"key": "c"})
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    verify(source, whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: round(share * len(data))])
    verify(source, cut)
    assert cut.read_bytes() == data


def test_workers_give_the_same_verdicts_in_the_same_order(tmp_path: Path):
    rows = [{"key": f"k{i}", "edit": f"{i % 2 + 1}.png"} for i in range(9)]
    rows[3]["src"] = "../x"
    source = lay_out(tmp_path, *rows)
    verify(source, tmp_path / "one.jsonl")
    verify(source, tmp_path / "two.jsonl", workers=2)
    by_key = [
        sorted(written(tmp_path / f"{name}.jsonl"), key=lambda row: row["key"])
        for name in ("one", "two")
    ]
    assert by_key[0] == by_key[1]


def test_a_worker_has_one_thread_and_may_answer_in_any_number_types(tmp_path: Path):
    source = lay_out(tmp_path, {"prompt_en": "odd numbers"})
    verify(source, tmp_path / "out.jsonl", workers=2)
    (row,) = written(tmp_path / "out.jsonl")
    assert (row["evidence"], row["confidence"], row["is_changed"]) == ({"threads": 1.0}, 0.5, True)


@pytest.mark.parametrize("deadly", [0, 5, 8])
def test_a_worker_that_dies_costs_one_row(tmp_path: Path, deadly: int):
    rows = [{"key": f"k{i}"} for i in range(9)]
    rows[deadly]["prompt_en"] = "die"
    summary = verify(lay_out(tmp_path, *rows), tmp_path / "out.jsonl", workers=2)
    assert (summary.inputs, summary.accepted, summary.failed) == (9, 8, 1)
    lost = [row for row in written(tmp_path / "out.jsonl") if row["verdict"] == "failed"]
    assert [(row["key"], row["detail"]) for row in lost] == [(f"k{deadly}", "the worker died")]


def test_verdicts_of_another_verifier_are_not_mixed_in(tmp_path: Path):
    source, output = lay_out(tmp_path, {}, {"key": "b"}), tmp_path / "out.jsonl"
    verify(source, output)
    before = output.read_bytes()
    for again in (False, True):
        with pytest.raises(OutputError, match="another verifier"):
            verify(source, output, version="2", again=again)
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl", b"my notes"),
        ("out.jsonl", b'{"key": "other"}\n'),
        ("out.jsonl", b'{"src": "a"}\nx'),
        ("out.parquet", b"not parquet"),
    ],
)
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(OutputError):
        verify(lay_out(tmp_path, {}), tmp_path / name)
    assert (tmp_path / name).read_bytes() == content


def test_input_and_output_must_differ(tmp_path: Path):
    source = lay_out(tmp_path, {})
    with pytest.raises(OutputError, match="same file"):
        verify(source, source)
    with pytest.raises(OutputError, match=r"\.jsonl or \.parquet"):
        verify(source, tmp_path / "out.csv")


def test_two_runs_do_not_write_one_output(tmp_path: Path):
    source, output = lay_out(tmp_path, {}), tmp_path / "out.jsonl"
    seen = []

    def second(_: int) -> None:
        with pytest.raises(OutputError, match="another run"):
            verify(source, output)
        seen.append(1)

    verify_triplets(source, output, Scripted, on_progress=second)
    assert seen == [1]


def test_the_summary_is_json(tmp_path: Path):
    summary = verify(lay_out(tmp_path, {}), tmp_path / "out.jsonl")
    assert json.loads(json.dumps(summary.to_json()))["verifier"]["model"] == "scripted"


def test_impossible_settings():
    with pytest.raises(ValueError, match="at least 1"):
        VerifySettings(workers=0)
