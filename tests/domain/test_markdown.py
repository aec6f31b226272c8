"""Tables in Markdown."""

from __future__ import annotations

from unicedit_assets.domain.markdown import table


def test_a_table_has_a_head_a_rule_and_its_rows() -> None:
    rows = [["a", "1"], ["b", "2"]]
    assert table(["name", "n"], rows) == "| name | n |\n| --- | --- |\n| a | 1 |\n| b | 2 |"
    assert table(["name", "n"], [], numbers=True) == "| name | n |\n| --- | ---: |"
