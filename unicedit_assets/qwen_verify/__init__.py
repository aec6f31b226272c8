"""Qwen-Verify: what it is asked and answers, its training sets, its evaluation, its versions; pure."""
