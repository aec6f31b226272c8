"""What holds of all three players whatever model is behind them, however little it understands."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from photographs import photograph

from unicedit_assets.domain.reasons import STAGE_REASONS
from unicedit_assets.domain.roles import Draft, Pixels, Refusal, Scores, Survey, Verdict
from unicedit_assets.domain.verdicts import flaws
from unicedit_assets.vlm.instructor import InstructorOptions, VlmInstructor
from unicedit_assets.vlm.judge import METRICS, JudgeOptions, VlmJudge
from unicedit_assets.vlm.prompting import TEXT, json_object
from unicedit_assets.vlm.roles import Question, Vlm, VlmError
from unicedit_assets.vlm.verifier import FIGURES, VerifierOptions, VlmVerifier

EN, CN = "Paint the left of the picture red.", "把图片的左边涂成红色。"
WANTED = ("Color Alteration", "Lens Zooming", "Spatial Reasoning Edits")
SHORT = json_object(said=TEXT)


def pair(seed: int) -> tuple[Pixels, Pixels]:
    source = photograph(seed, (224, 160))
    return source, np.ascontiguousarray(source[:, ::-1])


def question(text: str = "What is it?", max_tokens: int = 64) -> Question:
    return Question("short", "Be brief.", pair(1), text, SHORT, max_tokens)


def check_instructor(vlm: Vlm, max_tokens: int = 1024) -> list[Draft | Refusal]:
    """One outcome for each subtask asked for, refusals for reasons that the stage knows."""
    options = InstructorOptions(attempts=2, max_tokens=max_tokens)
    instructor = VlmInstructor(vlm, options)
    try:
        survey = instructor.survey(pair(1)[0])
    except VlmError:
        survey = Survey(WANTED)
    outcomes = list(instructor.write(pair(1)[0], survey, WANTED, seed=5))
    assert len(outcomes) == len(WANTED)
    for outcome in outcomes:
        if isinstance(outcome, Refusal):
            assert outcome.reason in STAGE_REASONS["instructions"]
            assert outcome.detail
    return outcomes


def check_verifier(vlm: Vlm, rows: int, max_tokens: int = 768) -> list[Verdict]:
    """A sound verdict for each row, all rows asked at once."""
    verifier = VlmVerifier("tiny-1", vlm, VerifierOptions(max_tokens=max_tokens, entailment=True))
    with ThreadPoolExecutor(rows) as pool:
        verdicts = list(pool.map(lambda i: verifier.verify(*pair(i), EN, CN), range(rows)))
    for verdict in verdicts:
        assert list(flaws(verdict)) == []
        assert set(verdict.evidence) <= set(FIGURES)
        assert verdict.evidence["tokens_in"] > 100
    return verdicts


def check_judge(vlm: Vlm, max_tokens: int = 128) -> Scores:
    """Each metric scored from its reply, or unscored and saying why; never a silent zero."""
    judge = VlmJudge(vlm, JudgeOptions(attempts=1, max_tokens=max_tokens))
    scores = judge.score(*pair(2), EN, ("The left is red.",))
    assert set(scores.replies) == set(METRICS)
    for metric in METRICS:
        assert (getattr(scores, metric) is None) == scores.replies[metric].startswith("unscored")
    return scores
