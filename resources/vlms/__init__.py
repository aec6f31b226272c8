"""Vision-language models behind three doors: an HTTP endpoint, vLLM and transformers in process."""
