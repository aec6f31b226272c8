"""A saved Qwen-Verify as the pipeline reaches it: the same replies everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from qwen_verify.toy import toy_pair
from unicedit_assets.domain.reasons import Reason
from unicedit_assets.settings.vlms import HttpVlm, TransformersVlm
from unicedit_assets.vlm.roles import FailureKind, Question, VlmError
from unicedit_assets.vlm.stacking import Layout
from unicedit_assets.vlm.verifier import VerifierOptions, VlmVerifier, trained_question

pytestmark = [pytest.mark.filterwarnings("ignore")]
PAIRS = [toy_pair(seed) for seed in range(6)]
LAYOUT, LAYOUT3 = Layout(2, 56), Layout(2, 64, cell=32)
LONGEST = 24


class Served(NamedTuple):
    """A saved model, how it is shown pictures, and where it is served."""

    folder: Path
    layout: Layout
    url: str = ""


# The schema says this, whatever the model is.
_BEGIN = '{"source_caption":"'


def asked(number: int, layout: Layout = LAYOUT) -> Question:
    pair = PAIRS[number]
    return trained_question(
        pair.source, pair.edited, pair.said.en, pair.said.cn, layout, max_tokens=LONGEST
    )


def whole(texts: list[str]) -> list[str]:
    """Drop what is left of a character that the longest reply cut in two."""
    return [text.rstrip("\ufffd") for text in texts]


def assert_alike(ours: list[str], theirs: list[str]) -> None:
    """Random weights may be undecided between two tokens; that may end one reply otherwise."""
    pairs = list(zip(whole(ours), whole(theirs), strict=True))
    assert sum(one != two for one, two in pairs) <= 1, pairs
    first = len(_BEGIN) + 1
    assert all(one[:first] == two[:first] for one, two in pairs), pairs


def in_process(folder: Path, layout: Layout = LAYOUT) -> list[str]:
    from resources.vlms.in_transformers import InTransformers

    backend = InTransformers(TransformersVlm(model=str(folder), device="cpu"))
    said = [backend.ask(asked(number, layout)).text for number in range(len(PAIRS))]
    backend.close()
    return said


@pytest.mark.neural
def test_it_looks_at_the_pictures_and_says_the_same_again(tiny_verify_folder: Path) -> None:
    said = in_process(tiny_verify_folder)
    assert len(set(said)) > 1
    assert said == in_process(tiny_verify_folder)


@pytest.fixture(
    scope="module",
    params=[("tiny_verify_folder", LAYOUT), ("tiny_verify3_folder", LAYOUT3)],
    ids=["qwen2.5", "qwen3"],
)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The real vLLM server with a tiny model, which it knows through the entry point."""
    from vllm_process import VllmServer

    folder, layout = request.getfixturevalue(request.param[0]), request.param[1]
    plugin = tmp_path_factory.mktemp("plugin")
    metadata = plugin / "unicedit_plugin-0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: unicedit-plugin\nVersion: 0\n")
    entry = "[vllm.general_plugins]\nunicedit = resources.qwen_verify.plugin:register\n"
    (metadata / "entry_points.txt").write_text(entry)
    here = Path(__file__).parents[2]
    with pytest.MonkeyPatch.context() as patch:
        paths = [str(plugin), str(here), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        server = VllmServer(folder, plugin / "log")
    try:
        server.wait(400)
        yield Served(folder, layout, server.url)
    finally:
        server.kill()


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_vllm_says_what_transformers_says(served: Served) -> None:
    from resources.vlms.endpoint import EndpointVlm

    vlm = EndpointVlm(HttpVlm(model="tiny", base_url=served.url, deadline=300))
    said = [vlm.ask(asked(number, served.layout)).text for number in range(len(PAIRS))]
    again = [
        vlm.ask(asked(number, served.layout)).text for number in range(len(PAIRS))
    ]  # pictures are cached
    vlm.close()
    assert_alike(said, again)
    assert_alike(said, in_process(served.folder, served.layout))
    assert len(set(said)) > 1


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_a_picture_that_is_no_stack_fails_alone(served: Served) -> None:
    from resources.vlms.endpoint import EndpointVlm

    vlm = EndpointVlm(HttpVlm(model="tiny", base_url=served.url, structured="none", deadline=300))
    question = asked(0, served.layout)
    failure = vlm.ask(replace(question, images=(question.images[0][:84],))).failure
    assert failure
    assert failure.kind is FailureKind.BAD_REQUEST
    assert "cannot be cut" in failure.detail
    assert vlm.ask(asked(1, served.layout)).tokens_out > 0
    vlm.close()


@pytest.mark.vllm
@pytest.mark.timeout(900)
def test_it_plays_the_verifiers_role_through_vllm(served: Served) -> None:
    from resources.vlms.endpoint import EndpointVlm

    vlm = EndpointVlm(HttpVlm(model="tiny", base_url=served.url, deadline=300))
    options = VerifierOptions(layout=served.layout, max_tokens=200, attempts=1)
    pair = PAIRS[0]
    try:
        verdict = VlmVerifier("tiny", vlm, options).verify(
            pair.source, pair.edited, pair.said.en, pair.said.cn
        )
    except VlmError as error:  # random weights need not end their reply
        assert "length" in str(error)
    else:
        assert verdict.reason is None or isinstance(verdict.reason, Reason)
    vlm.close()
