"""vLLM in this process: many threads' questions at once, and one bad question fails alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.vlms.front import FrontedVlm
from unicedit_assets.domain.roles import BackendDownError
from unicedit_assets.settings.vlms import VllmVlm
from unicedit_assets.vlm.roles import FailureKind, Vlm
from vlm.playing import check_instructor, check_judge, check_verifier, question

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def vlm(tiny_folder: Path) -> Iterator[Vlm]:
    from resources.vlms.in_vllm import InVllm

    os.environ["VLLM_CPU_KVCACHE_SPACE"] = "1"
    chosen = VllmVlm(
        model=str(tiny_folder), dtype="float32", concurrency=8, engine={"enforce_eager": True}
    )
    backend = InVllm(chosen)
    yield FrontedVlm("tiny", backend, 224 * 224)
    backend.close()


def test_one_question_too_long_does_not_fail_the_batch_around_it(vlm: Vlm) -> None:
    texts = [f"What is number {i}?" for i in range(7)]
    texts.insert(3, "many words " * 20_000)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda text: vlm.ask(question(text)), texts))
    failures = [answer.failure for answer in answers]
    assert failures[3]
    assert failures[3].kind is FailureKind.TOO_LONG
    assert failures[:3] + failures[4:] == [None] * 7
    assert all(answer.tokens_out for answer in answers[4:])


def test_all_players_run(vlm: Vlm) -> None:
    check_instructor(vlm)
    check_verifier(vlm, 6)
    assert check_judge(vlm).visual_quality is not None


def test_token_probabilities_are_read(vlm: Vlm) -> None:
    asked = question()
    told = vlm.ask(type(asked)(**{**vars(asked), "weigh": ("said",)})).probabilities
    assert 0 < told["said"] <= 1


def test_a_model_that_cannot_be_loaded_is_no_rows_fault(tmp_path: Path) -> None:
    from resources.vlms.in_vllm import InVllm

    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    backend = InVllm(VllmVlm(model=str(tmp_path)))
    with pytest.raises(BackendDownError, match="cannot load"):
        backend.ask(question())
    backend.close()
