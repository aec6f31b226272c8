"""Qwen-Verify: a Qwen-VL that is shown what differs, its training, and how it is served."""
