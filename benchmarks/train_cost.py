"""What training a Qwen-Verify should cost: memory and time, computed, not measured, as Markdown.

    python benchmarks/train_cost.py [--sft-rows 200000] [--preference-rows 20000] [--tflops 989] ...

Parameters are those of the true architecture, built without memory (meta device) from the sizes in
the published config.json of Qwen2.5-VL (``tests/random_models.py``), with our difference layer and
adapters, in the dtypes that ``resources.qwen_verify.preparing`` gives them; a test holds weights,
gradients and optimizer states to those of a model that was really trained.

Memory of a GPU, bytes (s sequences of T tokens; L layers of width h, feed-forward i, keys k):

* weights, gradients, AdamW's two moments: each parameter's own dtype; by FSDP a share of each;
* copies: bfloat16 of what learns in float32 (autocast keeps them); by FSDP the two largest layers
  and the embeddings, gathered, with gradients;
* reference: none with LoRA (the adapter is switched off), else the frozen model; by FSDP a share of
  it, and as many bfloat16 weights gathered as of what learns;
* activations, every layer computed again: the layers' inputs L s T h e (e = 4 where the stream is
  float32, else 2), the same of the vision tower if it learns, and the larger of one layer
  s T ((18 + e) h + 6 k + 14 i) and the replies' logits, 20 bytes each (28 with a reference).

Time: FLOPs / (GPUs x peak x utilisation). A product of a matrix and a token costs 2 FLOPs a weight
forward, as many again to recompute, to pass gradients on, and, where the matrix learns, for its own
gradient; attention takes four times its way forward. A frozen vision tower goes forward alone. A
test holds this to what torch counts. What a GPU waits for is in the utilisation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from random_models import QWEN_VL_3B, QWEN_VL_7B  # noqa: E402

from resources.qwen_verify import preparing  # noqa: E402
from resources.qwen_verify.config import QwenVerifyConfig  # noqa: E402
from resources.qwen_verify.model import QwenVerifyForConditionalGeneration  # noqa: E402
from unicedit_assets.settings.training import TrainingSettings  # noqa: E402

# The 3B's embeddings are its head, too.
SIZES: Mapping[str, tuple[Mapping[str, Any], bool]] = {
    "3B": (QWEN_VL_3B, True),
    "7B": (QWEN_VL_7B, False),
}
LOGIT, REFERENCE_LOGIT = 20, 8  # bytes: as they come, float32, log-softmax, and gradients
WINDOW = 64  # patches that see each other in most of the vision tower's layers
ROOM = 0.9  # of a GPU's memory; the rest is the driver's, NCCL's and lost between blocks


@dataclass(frozen=True)
class Gpu:
    """What it trains on: peak bf16 FLOP/s (dense), bytes, and the share of the peak assumed."""

    flops: float
    memory: float
    utilisation: float


@dataclass(frozen=True)
class Lengths:
    """Tokens of a row: both pictures together, the question, the reply (padded)."""

    pictures: int
    question: int
    reply: int

    @property
    def whole(self) -> int:
        return self.pictures + self.question + self.reply


@dataclass(frozen=True)
class Held:
    """Bytes that are there all the time on one GPU that holds everything.

    Attributes:
        copies: bfloat16 copies of float32 matrices that learn.
    """

    weights: int
    gradients: int
    optimizer: int
    copies: int


def model_of(config: QwenVerifyConfig, settings: TrainingSettings) -> Any:
    """Return the model as training would have it, on the meta device: no memory, no weights."""
    half = settings.lora_rank and settings.precision == "bfloat16"
    with torch.device("meta"):
        model = QwenVerifyForConditionalGeneration(config)
        model = model.to(torch.bfloat16 if half else torch.float32)
        return preparing._adapted(model, settings)


def published(name: str, difference: str) -> QwenVerifyConfig:
    """Return the configuration of a published size, as a Qwen-Verify."""
    size, tied = SIZES[name]
    text = {key: value for key, value in size.items() if key not in ("vision", "mrope")}
    rope = {"type": "mrope", "mrope_section": size["mrope"]}
    return QwenVerifyConfig(
        text_config={**text, "rope_scaling": rope, "tie_word_embeddings": tied},
        vision_config={**size["vision"], "out_hidden_size": size["hidden_size"]},
        tie_word_embeddings=tied,
        difference=difference,
    )


def held_of(model: Any) -> Held:
    """Add up what a model's parameters take while it learns, by their real dtypes."""
    weights = gradients = optimizer = copies = 0
    for name, p in model.named_parameters():
        size = p.numel() * p.element_size()
        weights += size
        if p.requires_grad:
            gradients += size
            optimizer += 2 * size + 4  # two moments and a step count (AdamW)
            if p.dtype == torch.float32 and p.dim() > 1 and "embed_tokens" not in name:
                copies += 2 * p.numel()
    return Held(weights, gradients, optimizer, copies)


def matrices(model: Any, *within: str) -> int:
    """Return how many weights the matrices below these modules have, adapters excepted."""
    return sum(
        p.numel()
        for name, p in model.named_parameters()
        if p.dim() > 1 and "lora_" not in name and any(part in name for part in within)
    )


def gathered(model: Any) -> int:
    """Return the bytes of bfloat16 weights that FSDP has whole at once; gradients are as many."""
    layers: dict[str, int] = {}
    for name, p in model.named_parameters():
        parts = name.split(".")
        place = next((n for n, part in enumerate(parts) if part in ("layers", "blocks")), None)
        key = "root" if place is None else ".".join(parts[: place + 2])
        layers[key] = layers.get(key, 0) + p.numel()
    root = layers.pop("root", 0)
    return 2 * (root + 2 * max(layers.values()))


@dataclass(frozen=True)
class Plan:
    """One way to train: what learns, on how many GPUs, sharded or as copies."""

    settings: TrainingSettings
    gpus: int = 1
    sharded: bool = False


@dataclass(frozen=True)
class Forward:
    """FLOPs of one pass forward: products with weights, and attention."""

    weights: float
    attention: float

    @property
    def once(self) -> float:
        return self.weights + self.attention

    def trained(self, learns: bool) -> float:
        """Return the FLOPs with one more pass to recompute, and the way back."""
        # Back: gradients passed on, and those of the weights that learn; attention needs both.
        return (4 if learns else 3) * self.weights + 4 * self.attention


class Cost:
    """Memory and time of one plan for one configuration."""

    def __init__(self, config: QwenVerifyConfig, plan: Plan, lengths: Lengths) -> None:
        self._text, self._vision = config.text_config, config.vision_config
        self._plan, self._lengths = plan, lengths
        self.model = model_of(config, plan.settings)
        self.held = held_of(self.model)

    @property
    def reference(self) -> int:
        """Bytes of the frozen reference on each GPU."""
        if self._plan.settings.lora_rank:
            return 0
        if not self._plan.sharded:
            return self.held.weights
        return self.held.weights // self._plan.gpus + gathered(self.model)

    def activations(self, preference: bool) -> int:
        """Bytes of activations on each GPU, every layer computed again."""
        settings, text, vision = self._plan.settings, self._text, self._vision
        batch = (settings.preference if preference else settings.sft).batch
        rows = batch * (2 if preference else 1)
        half = settings.precision == "bfloat16"
        stream = 2 if half and (settings.lora_rank or self._plan.sharded) else 4
        keys = text.num_key_value_heads * text.hidden_size // text.num_attention_heads
        tokens, patches = rows * self._lengths.whole, batch * 4 * self._lengths.pictures
        seen = 2 if half else 4
        inputs = stored(text.num_hidden_layers, tokens, text.hidden_size, stream)
        layer = tokens * ((18 + stream) * text.hidden_size + 6 * keys + 14 * text.intermediate_size)
        vision_layer = 0
        if settings.train_vision:
            inputs += stored(vision.depth, patches, vision.hidden_size, seen)
            width = (24 + seen) * vision.hidden_size + 14 * vision.intermediate_size
            vision_layer = patches * width
        each = LOGIT + (REFERENCE_LOGIT if preference else 0)
        logits = rows * (self._lengths.reply + 1) * text.vocab_size * each
        return int(inputs + max(layer, vision_layer, logits))

    def memory(self, preference: bool) -> dict[str, float]:
        """Return what fills one GPU, bytes by name."""
        shards = self._plan.gpus if self._plan.sharded else 1
        held = self.held
        half = self._plan.settings.precision == "bfloat16"
        copies = 2 * gathered(self.model) if self._plan.sharded else held.copies if half else 0
        return {
            "weights": held.weights / shards,
            "gradients": held.gradients / shards,
            "optimizer": held.optimizer / shards,
            "copies": copies,
            "reference": self.reference if preference else 0,
            "activations": self.activations(preference),
        }

    def flops(self, preference: bool) -> float:
        """Return the FLOPs of one row."""
        text, vision, head = self._text_forward(), self._vision_forward(), self._head_forward()
        full = not self._plan.settings.lora_rank
        seeing = vision.trained(full) if self._plan.settings.train_vision else vision.once
        # The head is not computed again.
        reply = text.trained(full) + (3 if full else 2) * head
        if not preference:
            return reply + seeing
        # Chosen and rejected share their pictures; the reference goes forward alone.
        return 2 * reply + seeing + 2 * (text.once + head) + vision.once

    def seconds(self, rows: float, preference: bool, gpu: Gpu) -> float:
        """Return how long so many rows take."""
        speed = self._plan.gpus * gpu.flops * gpu.utilisation
        return rows * self.flops(preference) / speed

    def _text_forward(self) -> Forward:
        """Return one sequence through the language model's layers."""
        tokens, text = self._lengths.whole, self._text
        weights = matrices(self.model, "language_model.layers")
        # Not halved for causality: a mask for padding has all of it computed.
        attention = text.num_hidden_layers * 4 * tokens**2 * text.hidden_size
        return Forward(2 * weights * tokens, attention)

    def _vision_forward(self) -> Forward:
        """Return one pair's pictures through the vision tower."""
        patches, vision = 4 * self._lengths.pictures, self._vision
        blocks = 2 * matrices(self.model, "visual.blocks", "visual.patch_embed") * patches
        merger = 2 * matrices(self.model, "visual.merger") * patches / 4
        whole = len(vision.fullatt_block_indexes)
        # Each picture for itself: half of the patches see one another.
        reach = whole * patches / 2 + (vision.depth - whole) * min(WINDOW, patches / 2)
        return Forward(blocks + merger, 4 * patches * reach * vision.hidden_size)

    def _head_forward(self) -> float:
        text = self._text
        return 2 * text.vocab_size * text.hidden_size * (self._lengths.reply + 1)


def stored(layers: int, tokens: int, width: int, element: int) -> int:
    """Return the bytes of the layers' inputs, all that checkpointing keeps of the layers."""
    return layers * tokens * width * element


def plans(settings: TrainingSettings) -> Iterator[tuple[str, str, Plan]]:
    """Yield what is compared: what learns, how, and the plan."""
    for learns, rank in ((f"LoRA {settings.lora_rank}", settings.lora_rank), ("all weights", 0)):
        chosen = settings.model_copy(update={"lora_rank": rank})
        yield learns, "1", Plan(chosen)
        yield learns, "8, FSDP" if not rank else "8, copies", Plan(chosen, 8, not rank)


def table(options: argparse.Namespace) -> Iterator[str]:
    """Yield the lines of the table."""
    gpu = Gpu(options.tflops * 1e12, options.memory * 1e9, options.utilisation)
    lengths = Lengths(options.picture_tokens, options.question_tokens, options.reply_tokens)
    yield (
        "| model | learns | GPUs | weights | gradients | AdamW | copies | reference | "
        f"SFT, GB | D2PO, GB | in {options.memory:g} GB | SFT, h | D2PO, h |"
    )
    yield "|---|---|---|" + "--:|" * 7 + "---|--:|--:|"
    for name in SIZES:
        for learns, gpus, plan in plans(TrainingSettings()):
            cost = Cost(published(name, plan.settings.difference), plan, lengths)
            first, second = cost.memory(False), cost.memory(True)
            most = max(sum(first.values()), sum(second.values()))
            cells = [second[part] / 1e9 for part in list(second)[:5]]
            cells += [sum(first.values()) / 1e9, sum(second.values()) / 1e9]
            hours = [
                cost.seconds(options.sft_rows, False, gpu) / 3600,
                cost.seconds(options.preference_rows, True, gpu) / 3600,
            ]
            fits = "yes" if most <= ROOM * gpu.memory else "no"
            yield (
                f"| {name} | {learns} | {gpus} | {' | '.join(f'{v:.1f}' for v in cells)} | {fits} "
                f"| {hours[0]:.1f} | {hours[1]:.1f} |"
            )


def heading(options: argparse.Namespace) -> Iterator[str]:
    """Yield what was assumed, in words."""
    for name in SIZES:
        model = model_of(published(name, "add"), TrainingSettings(lora_rank=0))
        whole = sum(p.numel() for p in model.parameters())
        ours = matrices(model, "diff_proj")
        yield f"{name}: {whole / 1e9:.3f} billion parameters, {ours / 1e6:.1f} million c_v's."
    yield (
        f"Computed, not measured: {options.sft_rows:,} rows of SFT, {options.preference_rows:,} of "
        f"D2PO, one pass; {options.picture_tokens} + {options.question_tokens} + "
        f"{options.reply_tokens} tokens a row (pictures, question, reply); {options.tflops:g} "
        f"TFLOP/s bf16 x {options.utilisation:g}; default training settings."
    )


def main() -> None:
    """Print the assumptions and the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    number = {"type": float}
    parser.add_argument("--sft-rows", type=int, default=200_000, help="the paper: 200,000")
    parser.add_argument("--preference-rows", type=int, default=20_000, help="the paper: 20,000")
    parser.add_argument("--picture-tokens", type=int, default=1536, help="both pictures")
    parser.add_argument("--question-tokens", type=int, default=80)
    parser.add_argument("--reply-tokens", type=int, default=170, help="padding included")
    parser.add_argument("--tflops", **number, default=989, help="peak bf16, dense; H100 SXM: 989")
    parser.add_argument("--memory", **number, default=80, help="GB of a GPU")
    parser.add_argument("--utilisation", **number, default=0.35, help="share of the peak")
    options = parser.parse_args()
    for line in (*heading(options), "", *table(options)):
        print(line)


if __name__ == "__main__":
    main()
