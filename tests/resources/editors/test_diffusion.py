"""diffusers editors over tiny checkpoints of the true architectures, loaded from folders."""

from __future__ import annotations

import errno
import importlib
import pickle
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from resources.editors import diffusion, pipelines
from resources.editors.build import editor_from
from resources.editors.diffusion import DiffusersEditor
from unicedit_assets.domain import codec
from unicedit_assets.domain.resolutions import PREFERRED
from unicedit_assets.domain.roles import BackendDownError, Edited, EditorError, EditSample
from unicedit_assets.pipeline.editing import EditRequest
from unicedit_assets.pipeline.flow import EditFlow
from unicedit_assets.settings import Settings

# What the libraries say to each other is not ours to mend.
pytestmark = [pytest.mark.neural, pytest.mark.filterwarnings("ignore")]

KINDS = ("flux-kontext", "flux2-klein", "qwen-image-edit", "qwen-image-edit-plus")
# These pipelines take one sample a call.
SINGLE = ("flux2-klein", "qwen-image-edit-plus")
QWEN = "diffusers.pipelines.qwenimage.pipeline_qwenimage_edit"
PROMPTS = ("Paint the left red.", "Replace the sky by a starry night, please.", "把左边涂成红色。")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    from tiny_editors import save_tiny

    top = tmp_path_factory.mktemp("tiny")
    return {kind: save_tiny(kind, top / kind) for kind in KINDS}


@pytest.fixture
def true_rule() -> Any:
    return importlib.import_module(QWEN).calculate_dimensions


@pytest.fixture(autouse=True)
def small(true_rule: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Qwen pipelines look at sources of 64 x 64 pixels' area instead of a megapixel."""
    for name in (QWEN, f"{QWEN}_plus"):
        module = importlib.import_module(name)
        rule = module.calculate_dimensions
        monkeypatch.setattr(
            module, "calculate_dimensions", lambda area, ratio, rule=rule: rule(64 * 64, ratio)
        )


def settings_of(kind: str, model: Path, **changes: Any) -> Any:
    values = {"kind": kind, "model": str(model), "steps": 2, "dtype": "float32", "device": "cpu"}
    return Settings.model_validate({"editors": {"e": {**values, **changes}}}).editors["e"]


def editor_of(kind: str, models: dict[str, Path], **changes: Any) -> DiffusersEditor:
    editor = editor_from("e", settings_of(kind, models[kind], **changes))
    assert isinstance(editor, DiffusersEditor)
    return editor


def sample(number: int, width: int = 96, height: int = 64) -> EditSample:
    noise = np.random.default_rng(number).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return EditSample(noise, PROMPTS[number % len(PROMPTS)], 1000 + number)


def alone(editor: DiffusersEditor, samples: Sequence[EditSample]) -> list[np.ndarray]:
    return [editor.edit(each.image, each.prompt, each.seed).pixels for each in samples]


def pixels(made: Sequence[Edited | EditorError]) -> list[np.ndarray]:
    assert all(isinstance(each, Edited) for each in made), made
    return [each.pixels for each in made if isinstance(each, Edited)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_has_the_sources_size_and_depends_on_all_it_is_given(
    kind: str, models: dict[str, Path]
) -> None:
    editor = editor_of(kind, models)
    one, other = sample(0), sample(1, 64, 112)
    made = alone(editor, [one, other, one])
    assert [each.shape for each in made] == [(64, 96, 3), (112, 64, 3), (64, 96, 3)]
    assert all(each.dtype == np.uint8 for each in made)
    assert (made[0] == made[2]).all()
    for changed in (
        EditSample(one.image, one.prompt, one.seed + 1),
        EditSample(one.image, "Remove it.", one.seed),
        EditSample(255 - one.image, one.prompt, one.seed),
    ):
        assert (alone(editor, [changed])[0] != made[0]).any()


@pytest.mark.parametrize("kind", KINDS)
def test_sizes_that_no_model_has_are_brought_back(kind: str, models: dict[str, Path]) -> None:
    odd = sample(0, 100, 70)
    assert alone(editor_of(kind, models), [odd])[0].shape == (70, 100, 3)


@pytest.mark.parametrize("kind", ["flux-kontext", "qwen-image-edit"])
def test_a_row_is_the_same_alone_and_in_any_batch_but_for_rounding(
    kind: str, models: dict[str, Path]
) -> None:
    editor = editor_of(kind, models, batch_size=4)
    samples = [sample(n) for n in range(4)]
    singles = alone(editor, samples)
    for order in ([0, 1, 2, 3], [3, 1], [2, 0, 3]):
        batch = pixels(editor.edit_batch([samples[n] for n in order]))
        again = pixels(editor.edit_batch([samples[n] for n in order]))
        for n, each, same in zip(order, batch, again, strict=True):
            # Other shapes are multiplied in another order; batch_size = 1 is the exact mode.
            assert np.abs(each.astype(int) - singles[n]).max() <= 1
            assert (each == same).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_exact_mode_does_not_know_its_neighbours(kind: str, models: dict[str, Path]) -> None:
    editor = editor_of(kind, models)
    samples = [sample(0), sample(1, 64, 96), sample(2), sample(3)]
    singles = [codec.encode_lake(each) for each in alone(editor, samples)]
    requests = [EditRequest(codec.encode_lake(s.image), s.prompt, s.seed) for s in samples]
    for order in ([0, 1, 2, 3], [3, 1, 0]):
        flow = EditFlow(editor, lambda _, o=order: [requests[n] for n in o], lambda: [0])
        assert [a.image for a in flow.answers(0)] == [singles[n] for n in order]
        flow.close()


def test_the_size_at_which_qwen_sees_a_batch_is_not_changed_again(true_rule: Any) -> None:
    for width, height in PREFERRED:
        seen = pipelines.condition_size(true_rule, width, height)
        assert true_rule(1024 * 1024, seen[0] / seen[1])[:2] == seen
        assert abs(seen[0] / seen[1] / (width / height) - 1) < 0.035


def test_one_sample_is_exactly_the_librarys_own_call(models: dict[str, Path]) -> None:
    import torch
    from diffusers import QwenImageEditPipeline
    from PIL import Image

    one = sample(0)
    pipeline = QwenImageEditPipeline.from_pretrained(models["qwen-image-edit"])
    made = pipeline(
        image=Image.fromarray(one.image),
        prompt=one.prompt,
        negative_prompt=" ",
        true_cfg_scale=4.0,
        num_inference_steps=2,
        height=64,
        width=96,
        generator=torch.Generator("cpu").manual_seed(one.seed),
        output_type="np",
    ).images[0]
    expected = np.rint(made * 255).astype(np.uint8)
    assert (alone(editor_of("qwen-image-edit", models), [one])[0] == expected).all()


def test_a_model_is_loaded_once_and_another_takes_its_place(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    loads = []
    real = pipelines.load_pipeline

    def counted(settings: Any, device: str) -> Any:
        loads.append(settings.kind)
        return real(settings, device)

    monkeypatch.setattr(diffusion, "load_pipeline", counted)
    diffusion._held.clear()
    editor = editor_of("flux-kontext", models)
    assert loads == []
    copied = pickle.loads(pickle.dumps(editor))
    assert (alone(editor, [sample(0)])[0] == alone(copied, [sample(0)])[0]).all()
    editor.load()
    assert loads == ["flux-kontext"]
    editor_of("qwen-image-edit", models).load()
    assert loads == ["flux-kontext", "qwen-image-edit"]
    assert len(diffusion._held) == 1


def test_a_batch_that_does_not_fit_is_halved(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    editor = editor_of("flux-kontext", models, batch_size=5)
    samples = [sample(n) for n in range(5)]
    expected = alone(editor, samples)
    sizes = []
    real = pipelines.run_pipeline

    def tight(pipeline: Any, settings: Any, some: Sequence[EditSample]) -> Any:
        sizes.append(len(some))
        if len(some) > 2 or any(each.seed == 1003 for each in some):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return real(pipeline, settings, some)

    monkeypatch.setattr(diffusion, "run_pipeline", tight)
    made = editor.edit_batch(samples)
    assert sizes == [5, 3, 2, 1, 2, 1, 1]
    refused = made[3]
    assert isinstance(refused, EditorError)
    assert "OutOfMemoryError" in str(refused)
    others = [0, 1, 2, 4]
    for n, each in zip(others, pixels([made[n] for n in others]), strict=True):
        assert np.abs(each.astype(int) - expected[n]).max() <= 1


BROKEN = (
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
    RuntimeError("[CUDA] no kernel image is available"),
    MemoryError("Unable to allocate 3 GiB"),
    OSError(errno.EIO, "Input/output error"),
)


@pytest.fixture
def fresh() -> Iterator[None]:
    """A process in which no model did anything yet."""
    diffusion._records.clear()
    yield
    diffusion._records.clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("error", BROKEN, ids=str)
def test_a_broken_device_or_machine_ends_the_run(
    error: Exception, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise error

    editor = editor_of("flux-kontext", models)
    alone(editor, [sample(0)])
    monkeypatch.setattr(diffusion, "run_pipeline", broken)
    with pytest.raises(BackendDownError, match="the device is broken: ") as caught:
        editor.edit_batch([sample(0), sample(1)])
    assert str(error) in str(caught.value)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("words", ["CUDA out of memory", "DefaultCPUAllocator: no memory"])
def test_a_picture_that_does_not_fit_is_the_rows_matter_once_one_of_its_size_did(
    words: str, models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    editor = editor_of("flux-kontext", models)
    error = torch.OutOfMemoryError(words) if "CUDA" in words else RuntimeError(words)
    real = pipelines.run_pipeline

    def tight(*arguments: Any) -> Any:
        if any(each.prompt == "tight" for each in arguments[2]):
            raise error
        return real(*arguments)

    def too_large(width: int, height: int) -> Any:
        return editor.edit_batch([EditSample(sample(0, width, height).image, "tight", 1)])[0]

    monkeypatch.setattr(diffusion, "run_pipeline", tight)
    with pytest.raises(BackendDownError, match="does not fit into the device's memory, and none"):
        too_large(96, 64)
    alone(editor, [sample(0, 96, 64)])
    assert isinstance(too_large(112, 64), EditorError)
    with pytest.raises(BackendDownError, match="set `offload`"):
        too_large(256, 64)


@pytest.mark.usefixtures("fresh")
def test_many_failing_rows_in_a_row_end_the_run(
    models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = editor_of("flux-kontext", models)
    real = pipelines.run_pipeline

    def failing(*arguments: Any) -> Any:
        if arguments[2][0].prompt == "fail":
            raise RuntimeError("a shape that no kernel knows")
        return real(*arguments)

    def row(prompt: str) -> Any:
        return editor.edit_batch([EditSample(sample(0).image, prompt, 1)])[0]

    monkeypatch.setattr(diffusion, "run_pipeline", failing)
    for _ in range(2):
        assert all(isinstance(row("fail"), EditorError) for _ in range(7))
        assert isinstance(row("Paint it red."), Edited)
    # A text that is too long tells nothing of the device.
    assert all(isinstance(row("very " * 3000), EditorError) for _ in range(9))
    assert all(isinstance(row("fail"), EditorError) for _ in range(7))
    with pytest.raises(BackendDownError, match="8 rows in a row failed, lastly: RuntimeError"):
        row("fail")


def test_a_text_encoder_is_not_asked_for_more_than_it_reads(models: dict[str, Path]) -> None:
    assert settings_of("qwen-image-edit", Path("m"), max_sequence_length=1024)
    with pytest.raises(ValueError, match="less than or equal to 512"):
        settings_of("flux-kontext", Path("m"), max_sequence_length=513)


def test_a_worker_with_other_weights_ends_the_run(models: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(models["flux-kontext"], folder)
    moved = {"flux-kontext": folder}
    sent, again = (pickle.dumps(editor_of("flux-kontext", moved)) for _ in range(2))
    assert sent == again == pickle.dumps(pickle.loads(sent))
    pickle.loads(sent).load()
    config = folder / "model_index.json"
    config.write_text(config.read_text() + " ")
    elsewhere = pickle.loads(sent)
    with pytest.raises(BackendDownError, match="the weights of this worker are not those"):
        elsewhere.load()
    with pytest.raises(BackendDownError, match="the weights of this worker are not those"):
        elsewhere.edit_batch([sample(0)])
    assert pickle.dumps(elsewhere) == sent


@pytest.fixture
def poisoned(models: dict[str, Path]) -> Iterator[DiffusersEditor]:
    """An editor whose model gives NaN."""
    import torch

    editor = editor_of("flux-kontext", models)
    editor.load()
    (held,) = diffusion._held.values()
    torch.nn.init.constant_(held.transformer.proj_out.bias, float("nan"))
    yield editor
    diffusion._held.clear()


@pytest.mark.usefixtures("fresh")
def test_an_output_that_is_not_finite_is_no_edit(poisoned: DiffusersEditor) -> None:
    (made,) = poisoned.edit_batch([sample(0)])
    assert isinstance(made, EditorError)
    assert str(made) == "the model's output is not finite"
    with pytest.raises(BackendDownError, match="8 rows in a row failed, lastly: the model's"):
        for _ in range(7):
            poisoned.edit_batch([sample(0)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_that_is_too_long_is_refused_alone(kind: str, models: dict[str, Path]) -> None:
    editor = editor_of(kind, models, **({} if kind in SINGLE else {"batch_size": 2}))
    long = EditSample(sample(1).image, "very " * 3000, 1)
    made = [editor.edit_batch([each])[0] for each in (sample(0), long)]
    if editor.batch > 1:
        made = list(editor.edit_batch([sample(0), long]))
    assert isinstance(made[0], Edited)
    assert isinstance(made[1], EditorError)
    assert "tokens, the limit is 512" in str(made[1])


def test_a_text_that_klein_would_cut_off_is_refused(models: dict[str, Path]) -> None:
    from transformers import AutoTokenizer

    editor, image = editor_of("flux2-klein", models, max_sequence_length=64), sample(0).image
    tokenizer = AutoTokenizer.from_pretrained(models["flux2-klein"] / "tokenizer")
    message = [{"role": "user", "content": ""}]
    around = len(tokenizer.apply_chat_template(message, add_generation_prompt=True)["input_ids"])
    made = [
        editor.edit_batch([EditSample(image, "7" * letters, 1)])[0]
        for letters in (64 - around, 65 - around)
    ]
    assert isinstance(made[0], Edited)
    assert str(made[1]) == "the instruction has 65 tokens, the limit is 64"


def test_klein_is_exactly_the_librarys_own_call(models: dict[str, Path]) -> None:
    import torch
    from diffusers import Flux2KleinPipeline
    from PIL import Image

    one = sample(0)
    made = Flux2KleinPipeline.from_pretrained(models["flux2-klein"])(
        image=Image.fromarray(one.image),
        prompt=one.prompt,
        num_inference_steps=2,
        guidance_scale=1.0,
        generator=torch.Generator("cpu").manual_seed(one.seed),
        output_type="np",
    ).images[0]
    expected = np.rint(made * 255).astype(np.uint8)
    assert (alone(editor_of("flux2-klein", models), [one])[0] == expected).all()


def test_a_damaged_model_is_told(models: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(models["flux-kontext"], tmp_path / "model"))
    for path in folder.glob("transformer/*.safetensors"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(BackendDownError, match=r"editors\.e: the model cannot be loaded"):
        editor_of("flux-kontext", {"flux-kontext": folder}).load()


@pytest.mark.parametrize("cache", ["first_block", "taylorseer"])
@pytest.mark.parametrize("kind", KINDS)
def test_step_caches_run_and_forget_the_row_before(
    kind: str, cache: str, models: dict[str, Path]
) -> None:
    if (kind, cache) == ("flux2-klein", "first_block"):
        with pytest.raises(ValueError, match="'none' or 'taylorseer'"):
            editor_of(kind, models, cache=cache)
        return
    editor = editor_of(kind, models, cache=cache, steps=6, cache_threshold=10.0)
    one, other = sample(0), sample(1)
    first = alone(editor, [one])[0]
    assert (alone(editor, [other, one])[1] == first).all()
    (held,) = diffusion._held.values()

    def stop(*_: Any, **__: Any) -> Any:
        raise RuntimeError("stopped in the middle")

    decode, held.vae.decode = held.vae.decode, stop
    assert isinstance(editor.edit_batch([other])[0], EditorError)
    held.vae.decode = decode
    assert (alone(editor, [one])[0] == first).all()


def adapter_for(kind: str, model: Path, folder: Path) -> Path:
    """Save a random low-rank adapter as diffusers does."""
    import diffusers
    import torch
    from peft import LoraConfig, get_peft_model_state_dict

    cls = getattr(diffusers, pipelines.CLASSES[type(settings_of(kind, model))])
    pipeline = cls.from_pretrained(model)
    torch.manual_seed(5)
    pipeline.transformer.add_adapter(
        LoraConfig(r=2, target_modules=["to_q", "to_v"], init_lora_weights="gaussian")
    )
    layers = get_peft_model_state_dict(pipeline.transformer)
    cls.save_lora_weights(folder, {n: torch.randn_like(t) * 0.3 for n, t in layers.items()})
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_is_fused_with_its_scale_and_schedule(
    kind: str, models: dict[str, Path], tmp_path: Path
) -> None:
    folder = adapter_for(kind, models[kind], tmp_path / "lora")
    lora = {"path": str(folder)}
    (file,) = folder.glob("*.safetensors")
    one = [sample(0)]
    schedule = "model" if kind == "flux2-klein" else "lightning"
    distilled = {"schedule": schedule, "steps": 4, "true_cfg_scale": 1.0}
    made = [
        alone(editor_of(kind, models, **changes), one)[0]
        for changes in (
            {},
            {"lora": lora},
            {"lora": {**lora, "scale": 0.5}},
            {"lora": lora, **distilled},
            {"lora": {"path": str(file)}},
        )
    ]
    assert len({each.tobytes() for each in made}) == 4
    assert (made[1] == made[4]).all()


def test_tiles_and_offloading_run(models: dict[str, Path]) -> None:
    plain = alone(editor_of("flux-kontext", models), [sample(0)])[0]
    tiled, offloaded = (
        alone(editor_of("flux-kontext", models, **changes), [sample(0)])[0]
        for changes in ({"vae_tiling": True}, {"offload": "group"})
    )
    assert (offloaded == plain).all()  # where weights wait changes nothing
    assert tiled.shape == plain.shape
    assert (tiled != plain).any()
