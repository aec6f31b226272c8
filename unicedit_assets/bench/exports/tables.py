"""Results as CSV, Markdown and LaTeX; the latter two in the form of the paper's Table 4.

The paper's own rows stand beside ours, marked as such: their judge and their pictures are not ours.
A title says when less than everything was scored.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from unicedit_assets.bench.exports.paper import JUDGE, SOURCE, TABLE_4
from unicedit_assets.bench.sheet import Run
from unicedit_assets.bench.statistics import BOTH, WHOLE, Estimate, Group, Line
from unicedit_assets.domain.markdown import table
from unicedit_assets.domain.unicbench import LANGUAGES, METRICS, SHORT

HEADINGS: Mapping[str, str] = MappingProxyType({"en": "EN", "cn": "CN", BOTH: "EN and CN"})
_NONE = "–"
_LATEX = {
    "\\": r"\textbackslash{}",
    **{char: f"\\{char}" for char in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


@dataclass(frozen=True)
class Result:
    """One run with all its lines."""

    run: Run
    lines: tuple[Line, ...]

    def line(self, group: Group) -> Line | None:
        """Return a group's line, or None where the run has none."""
        return next((each for each in self.lines if each.group == group), None)


@dataclass(frozen=True)
class TableRow:
    """One row of Table 4's form: a name, and cells per language; paper rows have no line."""

    name: str
    cells: Mapping[str, tuple[str, ...]]
    ours: bool


def title_of(results: Sequence[Result], languages: Sequence[str]) -> str:
    """Return a table's title; it says what is not covered."""
    short = []
    for result in results:
        for language in languages:
            line = result.line(Group(language, WHOLE, BOTH))
            if line and line.covered.share < 1:
                found = line.covered
                short.append(
                    f"{result.run.title} {HEADINGS[language]}: {found.scored} of "
                    f"{found.expected} scored"
                )
    return "UnicBench" + (f" (INCOMPLETE: {'; '.join(short)})" if short else "")


def languages_of(results: Sequence[Result]) -> list[str]:
    """Return the languages that any run has, in the paper's order."""
    present = {line.group.language for result in results for line in result.lines}
    return [language for language in LANGUAGES if language in present]


def table_rows(
    results: Sequence[Result], languages: Sequence[str], with_interval: bool = False
) -> Iterator[TableRow]:
    """Yield the paper's rows, then ours by overall of the first language."""
    names = dict.fromkeys(name for language in languages for name in TABLE_4.get(language, {}))
    for name in names:
        cells = {
            language: tuple(f"{value:.2f}" for value in TABLE_4[language][name])
            if name in TABLE_4.get(language, {})
            else (_NONE,) * len(METRICS)
            for language in languages
        }
        yield TableRow(name, cells, ours=False)
    for result in ranked(results, languages):
        cells = {language: tuple(_cells(result, language, with_interval)) for language in languages}
        yield TableRow(result.run.title, cells, ours=True)


def ranked(results: Sequence[Result], languages: Sequence[str]) -> list[Result]:
    """Return results by their overall in the first language, best first; the unscored last."""

    def rank(result: Result) -> tuple[float, Run]:
        line = result.line(Group(languages[0], WHOLE, BOTH)) if languages else None
        found = line.estimates["overall"] if line else None
        return (-found.mean if found else 1.0, result.run)

    return sorted(results, key=rank)


def _cells(result: Result, language: str, with_interval: bool) -> Iterator[str]:
    line = result.line(Group(language, WHOLE, BOTH))
    for metric in METRICS:
        yield cell(line.estimates[metric] if line else None, with_interval)


def cell(found: Estimate | None, with_interval: bool = False) -> str:
    """Return an estimate as text; a dash, never a zero, where nothing was scored."""
    if found is None:
        return _NONE
    if not with_interval or found.low is None or found.high is None:
        return f"{found.mean:.2f}"
    return f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"


def markdown(results: Sequence[Result]) -> str:
    """Return the table in Markdown, intervals included."""
    languages = languages_of(results)
    head = ["Model / judge"]
    head += [f"{HEADINGS[lang]} {SHORT[metric]}" for lang in languages for metric in METRICS]
    lines = [f"# {_plain(title_of(results, languages))}", ""]
    rows = [
        [_plain(row.name) + ("" if row.ours else " (paper)"), *_flat(row, languages)]
        for row in table_rows(results, languages, with_interval=True)
    ]
    lines.append(table(head, rows, numbers=True))
    note = f"Rows marked (paper): {SOURCE}, judge {JUDGE}; other pictures and another judge than "
    lines += ["", f"{note}ours. Brackets: 95 % bootstrap intervals over samples."]
    return "\n".join(lines) + "\n"


def _flat(row: TableRow, languages: Iterable[str]) -> list[str]:
    return [text for language in languages for text in row.cells[language]]


def _plain(text: str) -> str:
    """Escape a name for Markdown: it may come from a folder or from a server."""
    flat = " ".join(text.split())
    for char in "\\`*_[]<>|#":
        flat = flat.replace(char, f"\\{char}")
    return flat


def latex(results: Sequence[Result]) -> str:
    """Return the table in LaTeX (package booktabs) with the columns of Table 4."""
    languages = languages_of(results)
    width = len(METRICS)
    rules = [
        f"\\cmidrule(lr){{{2 + width * n}-{1 + width * (n + 1)}}}" for n in range(len(languages))
    ]
    heads = "".join(f" & \\multicolumn{{{width}}}{{c}}{{{HEADINGS[each]}}}" for each in languages)
    rows = list(table_rows(results, languages))
    body = [f"{escaped(row.name)} & {' & '.join(_dashed(row, languages))} \\\\" for row in rows]
    papers = sum(not row.ours for row in rows)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            f"\\caption{{{escaped(title_of(results, languages))}. Above the line: {SOURCE}, "
            f"judge {JUDGE}.}}",
            f"\\begin{{tabular}}{{l{'c' * width * len(languages)}}}",
            r"\toprule",
            f"Model{heads} \\\\",
            *rules,
            f"{''.join(f' & {SHORT[metric]}' for _ in languages for metric in METRICS)} \\\\",
            r"\midrule",
            *body[:papers],
            *([r"\midrule"] if papers else []),
            *body[papers:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _dashed(row: TableRow, languages: Iterable[str]) -> list[str]:
    return [text.replace(_NONE, "--") for text in _flat(row, languages)]


def escaped(text: str) -> str:
    """Return a text as LaTeX shows it."""
    return "".join(_LATEX.get(char, char) for char in " ".join(text.split()))


_COLUMNS: Sequence[tuple[str, Callable[[Result, Line, str, Estimate | None], object]]] = (
    ("model", lambda result, line, metric, found: result.run.model),
    ("variant", lambda result, line, metric, found: result.run.variant),
    ("judge", lambda result, line, metric, found: result.run.judge),
    ("language", lambda result, line, metric, found: line.group.language),
    ("level", lambda result, line, metric, found: line.group.level),
    ("name", lambda result, line, metric, found: line.group.name),
    ("metric", lambda result, line, metric, found: metric),
    ("mean", lambda result, line, metric, found: found and found.mean),
    ("low", lambda result, line, metric, found: found and found.low),
    ("high", lambda result, line, metric, found: found and found.high),
    ("samples", lambda result, line, metric, found: found.samples if found else 0),
    ("expected", lambda result, line, metric, found: line.covered.expected),
    ("scored", lambda result, line, metric, found: line.covered.scored),
)


def csv_text(results: Sequence[Result]) -> str:
    """Return every group's means with intervals and coverage, one line a metric; empty: none."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([name for name, _ in _COLUMNS])
    for result in results:
        for line in result.lines:
            for metric, found in line.estimates.items():
                cells = [read(result, line, metric, found) for _, read in _COLUMNS]
                writer.writerow([_csv_cell(each) for each in cells])
    return stream.getvalue()


def _csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value
