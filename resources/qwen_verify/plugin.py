"""vLLM's door to Qwen-Verify: the entry point that it calls in each of its processes."""

from __future__ import annotations


def register() -> None:
    """Register the configurations and the model classes; nothing heavy is imported yet."""
    from vllm import ModelRegistry

    from resources.qwen_verify.config import register_config

    register_config()
    for name in ("QwenVerifyForConditionalGeneration", "Qwen3VerifyForConditionalGeneration"):
        if name not in ModelRegistry.get_supported_archs():
            ModelRegistry.register_model(name, f"resources.qwen_verify.vllm_model:{name}")
