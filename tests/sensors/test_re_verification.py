"""After a promotion: just the stale shards, never twice at once, never an edit."""

from __future__ import annotations

import dagster as dg
import pytest
from backends import CALLS, write_photographs
from worlds import World

import sensors.re_verification
from sensors.re_verification import re_verification
from sensors.requests import MAX_ATTEMPTS, TARGET_TAG
from unicedit_assets.pipeline.intake import register_source
from unicedit_assets.pipeline.stage import Ref


def tick(world: World) -> list[dg.RunRequest] | str:
    """Return what one tick asks for, or why it asks for nothing."""
    context = dg.build_sensor_context(instance=world.instance)
    found = re_verification(context, project=world.resource)
    if isinstance(found, dg.SkipReason):
        return str(found.skip_message)
    assert isinstance(found, dg.SensorResult)
    return list(found.run_requests or ())


def asked(world: World) -> list[dg.RunRequest]:
    found = tick(world)
    assert isinstance(found, list), found
    return found


def promote(world: World, version: str) -> None:
    project = world.project()
    project.registry.promote_verifier(version, project.backends.verifiers)


def record(world: World, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    """Put a run for a request into the instance."""
    run = dg.DagsterRun(job_name="make_verified_edits", tags=dict(request.tags), status=status)
    world.instance.add_run(run)


def test_without_a_promotion_there_is_nothing_to_do(world: World) -> None:
    assert tick(world) == "every verified shard is by the current verifier"


def test_only_stale_shards_whose_edits_are_current_are_asked_for(world: World) -> None:
    project = world.project()
    register_source(project, str(write_photographs(world.home / "photographs", [70])))
    promote(world, "scripted-2")
    world.project().run(Ref("verified_edits", "s00000/classical"))
    requests = asked(world)
    assert [request.partition_key for request in requests] == ["classical|s00001"]
    assert {request.job_name for request in requests} == {"make_verified_edits"}
    assert all(TARGET_TAG in request.tags for request in requests)


def test_a_tick_asks_for_no_more_than_the_cap(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote(world, "scripted-2")
    monkeypatch.setattr(sensors.re_verification, "MAX_REQUESTS", 1)
    first = asked(world)
    assert [request.partition_key for request in first] == ["classical|s00000"]
    record(world, first[0], dg.DagsterRunStatus.STARTED)
    second = asked(world)
    assert [request.partition_key for request in second] == ["classical|s00001"]


@pytest.mark.parametrize(
    "status",
    [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING],
)
def test_what_is_under_way_is_not_asked_for_again(
    world: World, status: dg.DagsterRunStatus
) -> None:
    promote(world, "scripted-2")
    for request in asked(world):
        record(world, request, status)
    assert tick(world) == "2 stale shards are under way or have failed repeatedly"


def test_a_failed_run_is_asked_for_again_a_few_times(world: World) -> None:
    promote(world, "scripted-2")
    keys = set()
    for _ in range(MAX_ATTEMPTS):
        request = asked(world)[0]
        keys.add(request.run_key)
        record(world, request, dg.DagsterRunStatus.FAILURE)
    # Dagster drops a run key that it has seen, so each attempt needs its own.
    assert len(keys) == MAX_ATTEMPTS
    assert [request.partition_key for request in asked(world)] == ["classical|s00001"]


def test_what_was_made_and_is_gone_again_is_asked_for_however_often(world: World) -> None:
    promote(world, "scripted-2")
    keys = set()
    for _ in range(MAX_ATTEMPTS + 1):
        request = asked(world)[0]
        assert request.partition_key == "classical|s00000"
        keys.add(request.run_key)
        record(world, request, dg.DagsterRunStatus.SUCCESS)
    assert len(keys) == MAX_ATTEMPTS + 1


def test_another_promotion_begins_a_new_count(world: World) -> None:
    promote(world, "scripted-2")
    for _ in range(MAX_ATTEMPTS):
        for request in asked(world):
            record(world, request, dg.DagsterRunStatus.FAILURE)
    assert isinstance(tick(world), str)
    promote(world, "scripted-1")
    assert tick(world) == "every verified shard is by the current verifier"


def test_its_runs_verify_again_and_edit_nothing_and_then_it_is_quiet(world: World) -> None:
    promote(world, "scripted-2")
    before = {ref: world.project().find(ref) for ref in world.project().refs("edits")}
    requests = asked(world)
    assert len(requests) == 2
    CALLS.clear()
    results = [world.grant(request) for request in requests]
    assert all(result.success for result in results)
    assert set(CALLS) == {"verify"}
    assert {ref: world.project().find(ref) for ref in before} == before
    assert tick(world) == "every verified shard is by the current verifier"
    promote(world, "scripted-1")
    assert tick(world) == "every verified shard is by the current verifier"
