"""Qwen-Verify: a Qwen2.5-VL that is shown what differs, its training, and how it is served."""
