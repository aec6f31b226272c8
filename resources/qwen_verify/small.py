"""How the small Qwen-Verify is trained: from nothing, on a CPU, in an hour."""

from __future__ import annotations

from unicedit_assets.settings.training import PreferenceStage, StageOfTraining, TrainingSettings

# Share of the minutes that the preference stage gets.
_PREFERENCE_SHARE = 0.2


def small_settings(minutes: float) -> TrainingSettings:
    """Return how the small one is trained in so many minutes of training."""
    second = minutes * _PREFERENCE_SHARE
    return TrainingSettings(
        open_share=0.4,
        # So that plain DPO, without the context, starts from a model that knows life without it.
        context_dropout=0.1,
        lora_rank=0,
        train_vision=True,
        gradient_checkpointing=False,
        precision="auto",
        sft=StageOfTraining(
            learning_rate=1.5e-3, batch=64, accumulate=1, epochs=1000, minutes=minutes - second,
            weight_decay=0.05,
        ),
        preference=PreferenceStage(
            learning_rate=3e-4, batch=32, accumulate=1, epochs=1000, minutes=second, beta=0.1,
            sft_weight=1.0,
        ),
    )  # fmt: skip
