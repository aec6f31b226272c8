"""Tests of the embedded family."""
