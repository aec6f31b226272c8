"""How a Qwen-Verify is trained: both stages; used by ``unicedit verify train`` and the assets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from unicedit_assets.domain.identity import Json
from unicedit_assets.settings.fields import identity, identity_of, runtime


class StageOfTraining(BaseModel):
    """One stage of training; all of it but how often it is saved changes the weights.

    ``minutes`` and ``epochs`` both end it, whichever comes first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = identity(1e-5, "Peak learning rate.", gt=0)
    warmup: float = identity(0.03, "Share of the stage in which the rate rises.", ge=0, lt=1)
    weight_decay: float = identity(0.01, "Weight decay of AdamW.", ge=0)
    batch: int = identity(4, "Examples a device takes at once.", ge=1)
    accumulate: int = identity(8, "Batches whose gradients make one step.", ge=1)
    epochs: float = identity(1.0, "Passes over the set.", gt=0)
    minutes: float = identity(
        0.0, "Minutes it may take, earlier calls included; 0: no bound.", ge=0
    )
    save_steps: int = runtime(200, "Steps between checkpoints.", ge=1)


class PreferenceStage(StageOfTraining):
    """The preference stage: D2PO, or plain DPO with the difference context switched off.

    Pure D2PO is ``sft_weight = 0``. What chosen and rejected replies share, such as the class,
    cancels in it; the cross entropy on the chosen reply teaches that too.
    """

    learning_rate: float = identity(1e-6, "Peak learning rate.", gt=0)
    context: bool = identity(
        True, "D2PO: policy and reference see the difference context; off: plain DPO."
    )
    beta: float = identity(0.1, "How strongly the policy is held to the reference.", gt=0)
    class_share: float = identity(
        0.0,
        "Share of the pairs whose rejected reply is wrong in one word, its class.",
        ge=0,
        le=1,
    )
    sft_weight: float = identity(
        0.0, "Weight of the cross entropy on the chosen reply beside the preference loss.", ge=0
    )


class TrainingSettings(BaseModel):
    """Both stages, and what they have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    difference: Literal["none", "add", "tokens"] = identity(
        "add",
        "How the visual difference context enters: not; added to the edited picture's tokens; as "
        "tokens of its own.",
    )
    context_dropout: float = identity(
        0.0, "Share of the SFT steps without the difference context.", ge=0, lt=1
    )
    open_share: float = identity(
        0.3, "Share of the SFT examples whose instruction is made to claim nothing.", ge=0, le=1
    )
    lora_rank: int = identity(16, "Rank of the LoRA adapters; 0 trains all weights.", ge=0)
    train_vision: bool = identity(False, "Whether the vision tower learns too.")
    max_pixels: int = identity(
        602_112, "Larger pictures are shrunk to this many pixels, each.", ge=784
    )
    precision: Literal["bfloat16", "float32", "auto"] = identity(
        "bfloat16",
        "Of the matrix products; the optimizer keeps float32. `auto`: bfloat16 where the machine "
        "has units for it, without which it is many times slower.",
    )
    gradient_checkpointing: bool = runtime(True, "Compute activations again to save memory.")
    seed: int = identity(0, "Of everything random.", ge=0)
    sft: StageOfTraining = identity(StageOfTraining(), "Stage 1, supervised.")
    preference: PreferenceStage = identity(PreferenceStage(), "Stage 2, D2PO.")

    @property
    def trouble_with_d2po(self) -> str:
        """Why the preference stage cannot be D2PO under these settings; empty: it can."""
        if self.difference == "none":
            return (
                "d2po conditions on the difference context, which difference = none switches off: "
                "take add or tokens, or the method dpo"
            )
        if not self.preference.context:
            return "preference.context = false contradicts the method d2po: take the method dpo"
        return ""

    def identity_fields(self) -> dict[str, Json]:
        """Return the fields that change the weights, as JSON."""
        return {
            **identity_of(self),
            "sft": identity_of(self.sft),
            "preference": identity_of(self.preference),
        }
