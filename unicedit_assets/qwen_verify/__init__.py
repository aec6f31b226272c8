"""Qwen-Verify: what it answers, its training sets, its evaluation, its versions; pure."""
