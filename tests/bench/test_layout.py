"""Coverage: what is there, missing, unreadable or of a wrong size, and what is only noted."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from bench_world import MODEL, World, make_world, save
from photographs import photograph
from PIL import Image

from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.frames import Rule
from unicedit_assets.bench.layout import Expected, State, expected, place_of, states, troubles


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path, 8)


def look(
    world: World, rule: Rule = Rule.NONE, languages: tuple[str, ...] = ("en",)
) -> list[Expected]:
    return expected(world.images, MODEL, world.samples.samples, languages, rule)


def test_the_layout_is_upstreams(world: World) -> None:
    sample = world.samples.samples[0]
    place = place_of(Path("out"), "m", sample, "cn")
    assert place == Path("out/m/Subject_Addition/cn") / f"{sample.key}.png"


def test_states_add_up_and_each_trouble_is_told(world: World) -> None:
    some = [world.output(sample) for sample in world.samples.samples]
    some[0].unlink()
    some[1].write_bytes(b"no picture")
    some[2].write_bytes(b"")
    save(some[3], photograph(1, (32, 48)))
    some[4].rename(some[4].with_suffix(".jpg"))
    outputs = look(world)
    counts = states(outputs)
    assert counts == {
        State.PRESENT: 4,
        State.MISSING: 1,
        State.UNREADABLE: 2,
        State.WRONG_SIZE: 1,
    }
    assert sum(counts.values()) == len(outputs)
    told = "\n".join(troubles(outputs))
    assert "1 missing" in told
    assert "2 unreadable" in told
    assert "32x48 from a source of 64x48, which the resize rule 'none' does not give" in told
    assert "1 with a note" in told
    assert ".jpg file; its losses count" in told


def test_another_rule_explains_another_size(world: World) -> None:
    save(world.output(world.samples.samples[3]), photograph(1, (32, 48)))
    assert states(look(world, Rule.CENTER_CROP))[State.WRONG_SIZE] == 0
    assert states(look(world, Rule.PREFERRED))[State.WRONG_SIZE] == 8


def test_an_output_that_leads_out_of_the_folder_is_not_read(world: World, tmp_path: Path) -> None:
    place = world.output(world.samples.samples[0])
    place.rename(tmp_path / "outside.png")
    place.symlink_to(tmp_path / "outside.png")
    found = look(world)[0]
    assert found.state is State.UNREADABLE
    assert "leads out of" in found.detail


def test_an_upright_size_is_compared(world: World) -> None:
    sample = world.samples.samples[0]
    turned = Image.fromarray(photograph(1, (48, 64)))
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", exif=exif)
    world.output(sample).unlink()
    world.output(sample).with_suffix(".jpg").write_bytes(buffer.getvalue())
    assert look(world)[0].state is State.PRESENT


@pytest.mark.parametrize("model", ["", ".", "..", "a/b", "../other", "a\\b"])
def test_a_models_name_is_a_folders(world: World, model: str) -> None:
    with pytest.raises(BenchError, match="name of its folder"):
        expected(world.images, model, world.samples.samples, ["en"], Rule.NONE)


def test_no_outputs_and_no_sources_are_errors_that_say_what_to_do(world: World) -> None:
    with pytest.raises(BenchError, match=r"outputs are expected at .*/Subject_Addition/en/KEY"):
        expected(world.images, "nobody", world.samples.samples, ["en"], Rule.NONE)
    next((world.root / "images").iterdir()).unlink()
    with pytest.raises(BenchError, match=r"1 of 8 source pictures are not there.*--sources"):
        look(world)
