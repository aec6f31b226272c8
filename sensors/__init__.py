"""Sensors and schedules: new photographs, re-verification, small steady backfills."""
