"""A whole run of 200 samples against the real vLLM server with a tiny Qwen2.5-VL on CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_world import MODEL, make_world
from vllm_process import VllmServer

from resources.judges import JudgeChoice, judge_from
from unicedit_assets.bench.folder import rescore
from unicedit_assets.bench.judges import BenchJudge
from unicedit_assets.bench.layout import State
from unicedit_assets.bench.run import Run, RunSettings
from unicedit_assets.bench.store import RecordStore, read_records
from unicedit_assets.vlm.judge import JudgeOptions

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(900)]

SAMPLES, SIZE = 200, (56, 56)


# At other temperatures vLLM 0.32 on CPU dies of seeds and chunked prefills together ("CPU Generator
# does not use offset").
GREEDY = JudgeOptions(temperature=0.0, attempts=1, max_tokens=32)


def judge_at(url: str, home: Path) -> BenchJudge:
    choice = JudgeChoice(home=home, options=GREEDY, concurrency=32)
    return judge_from(url, choice, "tiny", "1")


def test_a_whole_run_is_scored_and_a_second_one_needs_no_server(tmp_path: Path) -> None:
    from tiny_vlm import save_tiny_vlm

    world = make_world(tmp_path / "world", SAMPLES, SIZE)
    settings = RunSettings(world.images, MODEL, languages=("en",))
    server = VllmServer(save_tiny_vlm(tmp_path / "model"), tmp_path / "log")
    try:
        server.wait(400)
        judge = judge_at(server.url, tmp_path)
        with RecordStore(tmp_path / "out") as store:
            outcome = Run(world.samples, [judge], settings).score(store, lambda _: None)
    finally:
        server.kill()
    asked = sum(len(sample.metrics) for sample in world.samples.samples)
    tally = outcome.tallies[judge.name]
    assert outcome.states[State.PRESENT] == SAMPLES
    assert (tally.asked, tally.scored + tally.unscored) == (asked, asked)
    assert tally.scored > asked / 2
    table = read_records(tmp_path / "out")
    assert table.num_rows == asked
    failed = [row for row in table.to_pylist() if set(row["failures"]) - {"", "length"}]
    assert failed == []
    assert all(tokens > 50 for tokens in table["tokens_in"].to_pylist())
    with RecordStore(tmp_path / "out") as store:
        again = Run(world.samples, [judge], settings).score(store, lambda _: None)
    assert again.kept == asked
    assert rescore(tmp_path / "out") == (asked, 0)


@pytest.mark.filterwarnings("ignore")
def test_vllm_in_this_process_is_a_judge_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_vlm import save_tiny_vlm

    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    world = make_world(tmp_path / "world", 22, SIZE)
    choice = JudgeChoice(home=tmp_path, options=GREEDY)
    judge = judge_from(f"vllm:{save_tiny_vlm(tmp_path / 'model')}", choice)
    assert judge.load
    judge.load()
    settings = RunSettings(world.images, MODEL, languages=("en",))
    with RecordStore(tmp_path / "out") as store:
        outcome = Run(world.samples, [judge], settings).score(store, lambda _: None)
    judge.close()
    tally = outcome.tallies[judge.name]
    assert tally.asked == 22 * 3 + 5
    assert tally.scored > tally.asked / 2
