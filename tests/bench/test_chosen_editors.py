"""From ``--editor`` to an editor: a name, a folder with a pipeline, or one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bench_world import make_world

from resources.benchmarked import editor_from_text
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.generate import generate
from unicedit_assets.bench.layout import place_of
from unicedit_assets.domain import codec


@pytest.mark.parametrize("name", ["classical", "classical-faulty", "identity"])
def test_the_embedded_editors_need_no_project(tmp_path: Path, name: str) -> None:
    label, editor = editor_from_text(name, tmp_path / "nowhere")
    assert label == name
    assert editor.identity["name"]
    assert not (tmp_path / "nowhere").exists()


def test_what_is_no_editor_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"no editor 'nobody'.*classical, .*identity"):
        editor_from_text("nobody", tmp_path)
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "OtherPipeline"}))
    with pytest.raises(BenchError, match="is a OtherPipeline; there are: FluxKontextPipeline"):
        editor_from_text(str(tmp_path), tmp_path)
    (tmp_path / "model_index.json").write_text("[]")
    with pytest.raises(BenchError, match=r"model_index\.json cannot be read"):
        editor_from_text(str(tmp_path), tmp_path)


@pytest.mark.neural
@pytest.mark.filterwarnings("ignore")
def test_a_folder_with_a_pipeline_and_a_named_editor_edit_the_benchmark(tmp_path: Path) -> None:
    from tiny_editors import save_tiny

    folder = save_tiny("flux-kontext", tmp_path / "tiny")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "unicedit.toml").write_text(
        f'[editors.mine]\nkind = "flux-kontext"\nmodel = "{folder}"\nsteps = 1\n'
        'dtype = "float32"\ndevice = "cpu"\n'
    )
    world = make_world(tmp_path / "world", 2, (64, 64))
    label, editor = editor_from_text("mine", tmp_path / "home")
    made = list(generate(world.samples.samples, ["en"], editor, tmp_path / "out", label))[-1]
    assert (made.edited, dict(made.failures)) == (2, {})
    for sample in world.samples.samples:
        place = place_of(tmp_path / "out", "mine", sample, "en")
        assert codec.decode(place.read_bytes()).shape == (64, 64, 3)
    label, other = editor_from_text(str(folder), tmp_path / "nowhere")
    assert label == "tiny"
    assert "flux-kontext" in str(other.identity)
    assert other.identity != editor.identity
