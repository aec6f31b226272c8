"""Measured verifiers as Markdown: a table a test set, in figures that can be checked by hand."""

from __future__ import annotations

from dataclasses import replace

from unicedit_assets.qwen_verify.claims import Language
from unicedit_assets.qwen_verify.evaluation import Prediction, Truth, mark
from unicedit_assets.qwen_verify.figures import by_test
from unicedit_assets.qwen_verify.markdown import markdown_of

EN, CN = "Remove the red object on the left.", "移除左侧的红色物体。"
WRONG = Truth(
    *("h", "hallucination", "misaligned", "Subject Removal", "scene", "scenes", True, EN, CN),
    Language.EMBEDDED,
)
SAME = replace(WRONG, key="s", kind="no_edit", verdict="no_edit", is_changed=False, en="", cn="")
APART = replace(SAME, key="c", cluster="other", test="classes")


def figures(wrong_text: bool) -> dict:
    """Answer three pairs: the text right or wrong, the class right, and a missed No Edit."""
    said = "Remove the blue object on the left." if wrong_text else EN
    one = Prediction("h", True, "misaligned", said, CN, 0.9, 0.5)
    two = Prediction("s", True, "valid", EN, CN, 0.9, 0.5)
    three = Prediction("c", False, "no_edit", "", "", 0.9, 0.5)
    marks = [mark(WRONG, one), mark(SAME, two), mark(APART, three)]
    return dict(by_test(marks))


def test_every_test_set_has_a_table_and_every_verifier_a_line() -> None:
    text = markdown_of({"good": figures(False), "bad": figures(True)})
    tables = text.strip().split("\n\n")
    assert [table.split(",")[0] for table in tables] == ["| all", "| scenes", "| classes"]
    rows = [line.strip("| ").split(" | ") for line in tables[1].splitlines()]
    assert len({len(row) for row in rows}) == 1
    head, _, good, bad = rows
    shown = dict(zip(head[1:], good[1:], strict=True))
    assert (good[0], bad[0]) == ("`good`", "`bad`")
    assert shown["no edit"].startswith("0.00 [") and shown["normal"] == "–"
    assert shown["is changed"].startswith("0.500 [")
    exact = head.index("exact on hallucination")
    assert (good[exact][:5], bad[exact][:5]) == ("1.000", "0.000")
    assert good[head.index("right class on hallucination")].startswith("1.000")


def test_nothing_measured_is_no_table() -> None:
    assert markdown_of({}) == ""
