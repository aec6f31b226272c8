"""vLLM's door to Qwen-Verify: the entry point that it calls in each of its processes."""

from __future__ import annotations


def register() -> None:
    """Register the configuration and the model class; nothing heavy is imported yet."""
    from vllm import ModelRegistry

    from resources.qwen_verify.config import register_config

    register_config()
    name = "QwenVerifyForConditionalGeneration"
    if name not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(name, f"resources.qwen_verify.vllm_model:{name}")
