"""A run: what is asked, what is kept, what is asked again, and that the counts agree."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bench_world import MODEL, World, edited, make_world, save
from photographs import photograph
from vlm.scripted import ScriptedVlm
from vlm_server import VlmServer, says

from bench.scripted import grade, judge_of, run, scripted
from resources.judges import JudgeChoice, judge_from
from unicedit_assets.bench import pairs
from unicedit_assets.bench.errors import BenchError
from unicedit_assets.bench.frames import Rule
from unicedit_assets.bench.judges import RoleBenchJudge
from unicedit_assets.bench.layout import State
from unicedit_assets.bench.pairs import Shown
from unicedit_assets.bench.run import Progress, Run, RunSettings, request_key
from unicedit_assets.bench.store import RecordStore, read_records
from unicedit_assets.domain.roles import BackendDownError, Scores
from unicedit_assets.vlm import pictures
from unicedit_assets.vlm.encoding import Encoding
from unicedit_assets.vlm.judge_prompts import MetricPrompt, shipped_prompts
from unicedit_assets.vlm.roles import FailureKind, Question

COUNT = 22
QUESTIONS = COUNT * 3 + 5


@pytest.fixture
def world(tmp_path: Path) -> World:
    return make_world(tmp_path / "world", COUNT)


def test_every_metric_of_every_sample_is_asked_once_and_kept(world: World, tmp_path: Path) -> None:
    vlm, told = scripted(), []
    judge = judge_of(vlm)
    outcome = run(world, tmp_path / "out", judge, told=told)
    assert len(vlm.asked) == QUESTIONS
    assert outcome.tallies[judge.name].asked == outcome.tallies[judge.name].scored == QUESTIONS
    assert outcome.coverage == 1.0
    assert told[-1] == Progress(QUESTIONS, QUESTIONS, 0, 0)
    rows = read_records(tmp_path / "out").to_pylist()
    assert len({row["request_key"] for row in rows}) == len(rows) == QUESTIONS
    for row in rows:
        assert row["score"] == len(f"judge_{row['metric']}") % 5 + 3
        assert row["replies"] and row["failures"] == [""]
        assert (row["tokens_in"], row["tokens_out"]) == (10, 5)
        assert len(row["prompt_sha256"]) == len(row["source_sha256"]) == 64
        assert row["frame"] == "none: as it is"
    again = run(world, tmp_path / "out", judge)
    assert len(vlm.asked) == QUESTIONS
    assert again.kept == QUESTIONS
    assert again.tallies == outcome.tallies


def test_pictures_come_first_and_each_is_decoded_and_encoded_once(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded, encoded = [], []

    def decode(data: bytes) -> Any:
        decoded.append(1)
        return real_decode(data)

    def encode(pixels: Any) -> str:
        encoded.append(pixels.shape)
        return real_encode(pixels)

    real_decode, real_encode = pairs.decode_picture, pictures._encoded
    monkeypatch.setattr(pairs, "decode_picture", decode)
    monkeypatch.setattr(pictures, "_encoded", encode)
    urls: dict[int, set[str]] = {}

    def by(question: Question) -> Any:
        urls.setdefault(id(question.images[1]), set()).add(pictures.data_url(question.images[1]))
        return grade(question)

    first, second = judge_of(scripted(by), "a"), judge_of(scripted(by), "b")
    run(world, tmp_path / "plain", first, second, repeats=2)
    assert len(decoded) == 2 * COUNT
    assert encoded == []  # their files are what is sent
    decoded.clear()
    capped = judge_of(scripted(by), "c", max_pixels=2000)
    run(world, tmp_path / "capped", capped, repeats=2)
    assert len(decoded) == 2 * COUNT
    assert len(encoded) == COUNT
    assert {shape[0] * shape[1] <= 2000 for shape in encoded} == {True}
    frames = read_records(tmp_path / "capped")["frame"].to_pylist()
    assert all("both shrunk to 51x38" in frame for frame in frames)


def test_on_their_way_to_a_server_pictures_are_encoded_once_too(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded = []
    real = pictures._encoded
    monkeypatch.setattr(pictures, "_encoded", lambda p: encoded.append(p.shape) or real(p))
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        choice = JudgeChoice(home=tmp_path, max_pixels=2000, concurrency=8)
        run(world, tmp_path / "out", judge_from(server.url, choice, "m"), repeats=2)
    assert len(server.asked) == 2 * QUESTIONS
    assert len(encoded) == 2 * COUNT
    shown = {}
    for asked in server.asked:
        urls = tuple(part["image_url"]["url"] for part in asked.parts[:2])
        shown.setdefault(urls, set()).add(asked.name)
    assert len(shown) == COUNT
    assert all(len(names) >= 3 for names in shown.values())


def test_webp_is_one_encoding_for_all_judges_and_makes_other_records(
    world: World, tmp_path: Path
) -> None:
    shown: dict[str, set[str]] = {}

    def by(question: Question) -> Any:
        for image in question.images:
            shown.setdefault(pictures.picture_hash(image), set()).add(pictures.data_url(image))
        return grade(question)

    webp = judge_of(scripted(by), encoding=Encoding.WEBP)
    out, sent = tmp_path / "out", set()
    with VlmServer(lambda _: says({"reasoning": "seen", "score": 6})) as server:
        choice = JudgeChoice(home=tmp_path, encoding=Encoding.WEBP)
        run(world, out, webp, judge_from(server.url, choice, "m"))
        for asked in server.asked:
            sent |= {part["image_url"]["url"] for part in asked.parts[:2]}
    rows = read_records(out).to_pylist()
    assert sent == set.union(*shown.values())
    assert {url.partition(";")[0] for url in sent} == {"data:image/webp"}
    assert {row["source_sha256"] for row in rows} | {row["edited_sha256"] for row in rows} == {
        *shown
    }
    assert all(row["frame"].endswith("both as WebP of quality 95") for row in rows)
    plain = judge_of(scripted(by))
    assert plain.name != webp.name
    outcome = run(world, out, plain)
    assert outcome.kept == 0
    assert len(read_records(out)) == 3 * QUESTIONS
    assert run(world, out, webp).kept == QUESTIONS


def test_a_picture_that_the_encoding_cannot_hold_is_unreadable(tmp_path: Path) -> None:
    world = make_world(tmp_path, 1, (16384, 3))
    outcome = run(world, tmp_path / "out", judge_of(scripted(), encoding=Encoding.WEBP))
    assert outcome.states[State.UNREADABLE] == 1
    assert "use --encoding png" in outcome.notes[0]
    assert run(world, tmp_path / "out", judge_of(scripted())).coverage == 1


def test_what_cannot_be_judged_is_counted_and_never_zero(world: World, tmp_path: Path) -> None:
    missing, broken, small, cut = (world.output(s) for s in world.samples.samples[:4])
    missing.unlink()
    broken.write_bytes(b"not a picture")
    save(small, photograph(1, (32, 24)))
    cut.write_bytes(cut.read_bytes()[:-400])  # its header is whole
    judge = judge_of(scripted())
    outcome = run(world, tmp_path / "out", judge)
    counts = outcome.states
    assert [counts[state] for state in State] == [COUNT - 4, 1, 2, 1]
    assert sum(counts.values()) == len(outcome.outputs) == COUNT
    tally = outcome.tallies[judge.name]
    assert tally.asked == tally.scored == QUESTIONS - 4 * 3
    assert outcome.coverage == pytest.approx((COUNT - 4) / COUNT)
    assert min(row["score"] for row in outcome.rows) > 0
    assert len(outcome.notes) == 3


def test_a_declared_rule_brings_the_source_to_the_frame(world: World, tmp_path: Path) -> None:
    for sample in world.samples.samples:
        save(world.output(sample), edited(photograph(7, (32, 32))))
    shapes = set()

    def by(question: Question) -> Any:
        shapes.update(image.shape for image in question.images)
        return grade(question)

    outcome = run(world, tmp_path / "out", judge_of(scripted(by)), rule=Rule.CENTER_CROP)
    assert shapes == {(32, 32, 3)}
    assert outcome.coverage == 1.0
    assert {row["frame"] for row in outcome.rows} == {
        "center-crop: 64x48 of 48.00x48.00 at 8.00,0.00 to 32x32"
    }


def test_another_picture_or_text_is_asked_about_again_and_nothing_else(
    world: World, tmp_path: Path
) -> None:
    vlm = scripted()
    run(world, tmp_path / "out", judge_of(vlm))
    changed = world.samples.samples[3]
    save(world.output(changed), photograph(99, (64, 48)))
    vlm.asked.clear()
    outcome = run(world, tmp_path / "out", judge_of(vlm))
    assert len(vlm.asked) == len(changed.metrics)
    assert outcome.kept == QUESTIONS - len(changed.metrics)
    assert read_records(tmp_path / "out").num_rows == QUESTIONS
    other = replace(world.samples.samples[5], prompts={"en": "Paint it blue.", "cn": "涂成蓝色。"})
    samples = (*world.samples.samples[:5], other, *world.samples.samples[6:])
    vlm.asked.clear()
    run(
        replace(world, samples=replace(world.samples, samples=samples)),
        tmp_path / "out",
        judge_of(vlm),
    )
    assert {question.text.count("blue") for question in vlm.asked} == {1}
    assert len(vlm.asked) == len(other.metrics)


def test_everything_that_makes_a_reply_is_in_its_key() -> None:
    shown = Shown((photograph(1, (8, 8)),) * 2, "s", "e", "frame")
    prompts = shipped_prompts()
    texts = dict(prompts.prompts)
    texts["visual_quality"] = MetricPrompt("", "$prompt", "other")
    base = judge_of(scripted())

    class Other(ScriptedVlm):
        @property
        def identity(self) -> Any:
            return {"name": "other", "version": 1}

    judges = [
        base,
        judge_of(Other()),
        judge_of(scripted(), prompts=replace(prompts, prompts=texts)),
        judge_of(scripted(), max_pixels=5000),
        judge_of(scripted(), temperature=0.5),
        judge_of(scripted(), max_tokens=7),
        judge_of(scripted(), attempts=1),
    ]
    assert len({judge.name for judge in judges}) == len(judges)
    metric = "reasoning_accuracy"
    keys = [request_key(judge, metric, 0, shown, "text", ("point",)) for judge in judges]
    keys += [
        request_key(base, "visual_quality", 0, shown, "text", ("point",)),
        request_key(base, metric, 1, shown, "text", ("point",)),
        request_key(base, metric, 0, replace(shown, source_sha256="x"), "text", ("point",)),
        request_key(base, metric, 0, replace(shown, edited_sha256="x"), "text", ("point",)),
        request_key(base, metric, 0, shown, "other", ("point",)),
        request_key(base, metric, 0, shown, "text", ("other",)),
    ]
    assert len(set(keys)) == len(keys)
    assert request_key(base, metric, 0, replace(shown, frame="x"), "text", ("point",)) == keys[0]


def test_repeats_differ_in_seed_and_one_who_cannot_differ_is_asked_once(
    world: World, tmp_path: Path
) -> None:
    class Fixed:
        @property
        def identity(self) -> Any:
            return {"name": "fixed", "version": 1}

        def score(self, *_: Any) -> Scores:
            return Scores(5.0, 5.0, 5.0, 5.0, {"all": "fixed"})

    vlm = scripted()
    model, fixed = judge_of(vlm), RoleBenchJudge("fixed", Fixed(), 2, 10_000)
    outcome = run(world, tmp_path / "out", model, fixed, repeats=3, languages=("en",), limit=1)
    seeds = {}
    for question in vlm.asked:
        seeds.setdefault((question.name, question.text), set()).add(question.seed)
    assert {len(found) for found in seeds.values()} == {3}
    assert outcome.tallies[model.name].asked == 3 * QUESTIONS
    assert outcome.tallies[fixed.name].asked == QUESTIONS


def bad_quality(reply: Any) -> Any:
    return lambda q: reply if q.name == "judge_visual_quality" else grade(q)


def test_an_unusable_reply_is_unscored_kept_raw_and_not_paid_for_twice(
    world: World, tmp_path: Path
) -> None:
    vlm = scripted(bad_quality('{"reasoning": "x", "score": "8/10"}'))
    judge = judge_of(vlm, attempts=2)
    outcome = run(world, tmp_path / "out", judge)
    bad = [row for row in outcome.rows if row["status"] == "unscored"]
    assert {row["metric"] for row in bad} == {"visual_quality"}
    assert len(bad) == COUNT == outcome.tallies[judge.name].unscored
    assert all(row["score"] is None and len(row["replies"]) == 2 for row in bad)
    assert all("8/10" in reply for row in bad for reply in row["replies"])
    vlm.asked.clear()
    run(world, tmp_path / "out", judge)
    assert vlm.asked == []
    run(world, tmp_path / "out", judge, again=True)
    assert len(vlm.asked) == 2 * COUNT


def test_a_question_that_failed_for_the_servers_sake_is_asked_again(
    world: World, tmp_path: Path
) -> None:
    vlm = scripted(bad_quality(FailureKind.TIMEOUT))
    judge = judge_of(vlm)
    first = run(world, tmp_path / "out", judge)
    assert first.tallies[judge.name].unscored == COUNT
    vlm._by = grade
    vlm.asked.clear()
    second = run(world, tmp_path / "out", judge)
    assert len(vlm.asked) == COUNT
    assert second.tallies[judge.name].unscored == 0


def test_a_dead_server_ends_the_run_and_keeps_what_came(world: World, tmp_path: Path) -> None:
    answered = []

    def by(question: Question) -> Any:
        if len(answered) >= 30:
            raise BackendDownError("nobody answers")
        answered.append(question)
        return grade(question)

    vlm = scripted(by)
    with pytest.raises(BackendDownError, match="nobody answers"):
        run(world, tmp_path / "out", judge_of(vlm))
    kept = read_records(tmp_path / "out").num_rows
    assert 30 - vlm.concurrency <= kept <= 30
    outcome = run(world, tmp_path / "out", judge_of(scripted()))
    assert outcome.kept == kept


def test_an_interrupt_keeps_what_has_come_and_nobody_has_looked_at(
    world: World, tmp_path: Path
) -> None:
    vlm = scripted()

    def interrupt(_: Progress) -> None:
        time.sleep(0.3)  # meanwhile the threads get on, as far as they may
        raise KeyboardInterrupt

    settings = RunSettings(world.images, MODEL, languages=("en",))
    with pytest.raises(KeyboardInterrupt), RecordStore(tmp_path / "out") as store:
        Run(world.samples, [judge_of(vlm)], settings).score(store, interrupt)
    assert read_records(tmp_path / "out").num_rows == len(vlm.asked) > 1


def test_required_coverage_is_an_error_before_anything_is_asked(
    world: World, tmp_path: Path
) -> None:
    world.output(world.samples.samples[0]).unlink()
    vlm = scripted()
    with pytest.raises(BenchError, match=r"21 of 22 outputs are there: 1 missing"):
        run(world, tmp_path / "out", judge_of(vlm), require_coverage=True)
    assert vlm.asked == []


def test_required_coverage_counts_what_turns_out_later(world: World, tmp_path: Path) -> None:
    cut = world.output(world.samples.samples[0])
    cut.write_bytes(cut.read_bytes()[:-400])
    with pytest.raises(BenchError, match="1 unreadable"):
        run(world, tmp_path / "out", judge_of(scripted()), require_coverage=True)


def test_languages_are_judged_by_their_own_texts(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world", COUNT, languages=("en", "cn"))
    vlm = scripted()
    outcome = run(world, tmp_path / "out", judge_of(vlm), languages=("en", "cn"))
    assert len(outcome.rows) == 2 * QUESTIONS
    assert sum("涂成红色" in question.text for question in vlm.asked) == QUESTIONS
    assert "5 samples have reasoning points in English only" in outcome.notes


def test_no_judge_and_the_same_judge_twice_are_errors(world: World, tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="no judge"):
        run(world, tmp_path / "out")
    with pytest.raises(BenchError, match="given twice"):
        run(world, tmp_path / "out", judge_of(scripted()), judge_of(scripted()))


def test_two_models_never_share_rows(world: World, tmp_path: Path) -> None:
    (world.images / "copy").symlink_to(world.images / MODEL)
    judge = judge_of(scripted())
    run(world, tmp_path / "out", judge)
    outcome = run(world, tmp_path / "out", judge, model="copy")
    assert outcome.kept == 0
    assert read_records(tmp_path / "out").num_rows == 2 * QUESTIONS
