"""What counts as right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from qwen_verify.toy import toy_pair
from resources.qwen_verify.measuring import COLUMNS, claims_right, right, table, tally
from unicedit_assets.qwen_verify.question import example_of
from unicedit_assets.synthetic.pair import Kind

EXAMPLES = [example_of(toy_pair(seed)) for seed in range(6)]


def test_the_truth_is_right_and_an_unreadable_reply_is_right_in_nothing() -> None:
    assert all(right(EXAMPLES[0].target, EXAMPLES[0].target).values())
    assert not any(right(EXAMPLES[0].target, EXAMPLES[0].target[:-1]).values())


@pytest.mark.parametrize(
    ("field", "value", "figure"),
    [
        ("is_changed", False, "is_changed"),
        ("class", "shifted", "class"),
        ("rewritten_en", "Remove it.", "exact_en"),
        ("rewritten_cn", "去掉。", "exact_cn"),
    ],
)
def test_each_planted_error_costs_its_figure_alone(field: str, value: object, figure: str) -> None:
    target = example_of(toy_pair(0, Kind.NORMAL)).target
    said = json.dumps({**json.loads(target), field: value}, ensure_ascii=False)
    assert [name for name, ok in right(target, said).items() if not ok] == [figure]


def test_a_tally_counts_by_kind_and_by_subtask() -> None:
    said = [one.target for one in EXAMPLES[:5]] + ["nothing"]
    counts = tally(EXAMPLES, said)
    assert counts["all"]["readable"] == [5, 6]
    assert set(counts) == {"all", "normal", "no_edit", "hallucination"}
    assert set(tally(EXAMPLES, said, "subtask")["all"]) == set(COLUMNS)
    assert "0.833" in "\n".join(table(counts))


def test_claims_are_counted_one_by_one() -> None:
    def chain(instruction: str) -> str:
        value = json.loads(EXAMPLES[0].target) | {"rewritten_en": instruction}
        return json.dumps(value, ensure_ascii=False)

    true = chain("Change the colour of the red ball to green.")
    assert claims_right(true, true) == (3, 3)
    assert claims_right(true, chain("Change the colour of the red ball to blue.")) == (2, 3)
    assert claims_right(true, chain("Remove the red ball.")) == (1, 3)
    assert claims_right(true, chain("Make it nicer.")) == (0, 3)
    assert claims_right(true, "nothing") == (0, 3)
    assert claims_right(chain(""), true) == (0, 0)


@pytest.mark.neural
@pytest.mark.filterwarnings("ignore")
def test_checkpoints_are_compared_on_the_same_pairs(
    tiny_verify_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from qwen_verify.test_store import draw
    from resources.qwen_verify.ablation import main
    from resources.qwen_verify.store import render

    render(tmp_path / "pairs", draw, 9)
    checkpoints = [f"seeing={tiny_verify_folder}", f"blind={tiny_verify_folder}:blind"]
    out = tmp_path / "table.json"
    main(
        [str(tmp_path / "pairs"), *checkpoints, "--each", "1", "--threads", "1", "--json", str(out)]
    )
    found = json.loads(out.read_text())
    assert [found[name]["kind"]["all"]["readable"][1] for name in ("seeing", "blind")] == [3, 3]
    assert "| blind | normal | 1 |" in capsys.readouterr().out
