"""Verifiers in the terminal: who there is, how they were measured, what they are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from resources.verifiers import checked_new_name
from unicedit_assets.cli.running import RunError, make_partitions
from unicedit_assets.domain.identity import Json
from unicedit_assets.pipeline.project import MAIN, Project
from unicedit_assets.pipeline.registry import RegistryError
from unicedit_assets.pipeline.stage import Ref
from unicedit_assets.pipeline.verified_edits import verifier_version
from unicedit_assets.pipeline.verifier_eval import QwenVerifyEval
from unicedit_assets.pipeline.verifier_figures import (
    Evaluated,
    all_evaluated,
    evaluated,
    marks_of_verifier,
)
from unicedit_assets.pipeline.verifier_tests import VerifierTests
from unicedit_assets.qwen_verify.evaluation import Marks
from unicedit_assets.qwen_verify.figures import TABLE_5, Group
from unicedit_assets.qwen_verify.intervals import Estimate
from unicedit_assets.qwen_verify.markdown import markdown_of
from unicedit_assets.qwen_verify.promotion import ALL_MEASURES, compare
from unicedit_assets.qwen_verify.versions import Versions
from unicedit_assets.truth.outcomes import Rate


def new_name(project: Project, version: str) -> str:
    """Return the name of a version to be registered.

    Raises:
        VersionError: another verifier has it.
    """
    registered = Versions(project.ledger.store).names()
    others = {n: v for n, v in project.backends.verifiers.items() if n not in registered}
    return checked_new_name(version, others)


def versions_table(project: Project) -> Table:
    """Return every verifier, the one that verifies now marked."""
    table = Table(title="Verifiers", title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("version", "from", "sha256", *(kind.value for kind in TABLE_5), "F1"):
        table.add_column(name, no_wrap=name in ("version", "from"))
    versions, now = Versions(project.ledger.store), verifier_version(project)
    registered = {name: versions.require(name) for name in versions.names()}
    for name in sorted({*project.backends.verifiers, *registered}):
        kept = registered.get(name)
        measured = evaluated(project, name) if name in project.backends.verifiers else None
        table.add_row(
            f"{name} *" if name == now else name,
            f"registered ({kept.method})" if kept else "embedded, served",
            kept.sha256[:12] if kept else "",
            *_scores(measured),
        )
    table.caption = "* verifies now; scores 0-10 ± half the 95 % interval, - where not measured"
    return table


def _scores(measured: Evaluated | None) -> list[str]:
    if measured is None:
        return ["-"] * (len(TABLE_5) + 1)
    whole = measured.figures["all"]
    f1 = whole.detection.f1
    return [*(group_cell(whole.kinds.get(kind)) for kind in TABLE_5), estimate_cell(f1)]


def group_cell(group: Group | None) -> str:
    """Return a score."""
    return estimate_cell(group.score if group else None)


def estimate_cell(found: Estimate | None) -> str:
    """Return a figure and half the width of its interval; a dash where there is none."""
    return f"{found.value:.2f} ±{(found.high - found.low) / 2:.2f}" if found else "-"


def rate_cell(found: Rate) -> str:
    """Return a share and half the width of its interval; a dash where there were no cases."""
    return f"{found.share:.2f} ±{(found.high - found.low) / 2:.2f}" if found.cases else "-"


def scores_tables(found: Sequence[Evaluated]) -> list[Table]:
    """Return the table in the paper's shape, and those of what needs no judge."""
    return [_table_5(found), _detection(found), _texts(found)]


def _new(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for name in ("verifier", *columns):
        table.add_column(name)
    return table


def _table_5(found: Sequence[Evaluated]) -> Table:
    names = [kind.value.replace("_", " ") for kind in TABLE_5]
    table = _new(
        "Score 0-10 by kind of pair, ± half the 95 % interval (all test sets)", *names, "pairs"
    )
    for one in found:
        whole = one.figures["all"]
        cells = (group_cell(whole.kinds.get(kind)) for kind in TABLE_5)
        table.add_row(one.name, *cells, str(whole.pairs))
    return table


def _detection(found: Sequence[Evaluated]) -> Table:
    names = ("precision", "recall", "F1", "AUROC", "is changed", "ECE", "unreadable", "s/pair")
    table = _new("Finding what should not pass", *names)
    for one in found:
        whole = one.figures["all"]
        detection, calibration = whole.detection, whole.calibration
        table.add_row(
            one.name,
            rate_cell(detection.precision),
            rate_cell(detection.recall),
            estimate_cell(detection.f1),
            estimate_cell(detection.auroc),
            rate_cell(detection.changed),
            f"{calibration.error:.3f}" if calibration else "-",
            str(whole.unreadable),
            f"{whole.seconds:.3f}" if whole.seconds is not None else "-",
        )
    return table


def _texts(found: Sequence[Evaluated]) -> Table:
    claims = list(found[0].figures["all"].texts.claims) if found else []
    kinds = ("normal", "hallucination")
    table = _new(
        "Rewritten instruction: claims as the truth makes them", "exact", *kinds, *claims, "EN=CN"
    )
    for one in found:
        texts = one.figures["all"].texts
        by_kind = one.figures["all"].kinds
        cells = [rate_cell(by_kind[kind].exact) if kind in by_kind else "-" for kind in kinds]
        cells += [rate_cell(texts.claims[name]) for name in claims]
        table.add_row(one.name, rate_cell(texts.exact), *cells, rate_cell(texts.alike))
    return table


def comparison_table(project: Project, version: str, other: str, test: str) -> Table:
    """Return how two measured verifiers differ, pair by pair, on every kind.

    Raises:
        RegistryError: one of them was not measured, or there is no such test set.
        NotComparable: there are too few pairs.
    """
    one, two = (_measured_marks(project, name) for name in (version, other))
    tests = sorted({mark.truth.test for mark in one})
    if test and test not in tests:
        raise RegistryError(f"no test set {test!r}; there are: {', '.join(tests)}")
    one, two = ([m for m in marks if test in ("", m.truth.test)] for marks in (one, two))
    table = _new(
        f"{version} against {other}, pair by pair ({test or 'all test sets'})",
        *("measure", version, other, "difference", "95 % interval", "pairs", ""),
    )
    table.columns[0].header = "kind"
    for each in compare(one, two, ALL_MEASURES):
        verdict = "better" if each.is_better else "worse" if each.is_worse else "level"
        apart = each.difference
        table.add_row(
            *(each.kind.replace("_", " "), each.measure),
            *(f"{each.candidate:.3f}", f"{each.promoted:.3f}", f"{apart.value:+.3f}"),
            *(f"{apart.low:+.3f} to {apart.high:+.3f}", str(apart.cases), verdict),
        )
    return table


def _measured_marks(project: Project, name: str) -> list[Marks]:
    marks = marks_of_verifier(project, name)
    if marks is None:
        raise RegistryError(f"{name!r} was not measured: run `unicedit verify eval {name}`")
    return marks


def evaluate_all(
    project: Project,
    instance: dg.DagsterInstance,
    names: Sequence[str],
    console: Console,
    out: Path | None,
) -> None:
    """Bring evaluations up to date, keep them beside registered versions, and print them.

    Raises:
        RegistryError: no such verifier.
        RunError: one could not be measured.
    """
    known = [ref.partition for ref in project.refs(QwenVerifyEval.name)]
    for name in names:
        if name not in known:
            raise RegistryError(f"no verifier {name!r} to evaluate; there are: {', '.join(known)}")
    project.run(Ref(VerifierTests.name, MAIN))
    refs = [Ref(QwenVerifyEval.name, name) for name in names or known]
    trouble = None
    try:
        make_partitions(project, instance, refs, console)
    except RunError as error:  # one that cannot be measured must not hide the others
        trouble = error
    found = all_evaluated(project)
    _keep(project, found)
    for table in scores_tables(found):
        console.print(table)
    if out:
        out.write_text(_document(found, out.suffix), "utf-8")
        console.print(f"figures: {out}", soft_wrap=True, markup=False)
    if trouble:
        raise trouble


def _document(found: Sequence[Evaluated], suffix: str) -> str:
    if suffix == ".md":
        return markdown_of({one.name: one.figures for one in found})
    document = [one.to_json() for one in found]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _keep(project: Project, found: Sequence[Evaluated]) -> None:
    versions = Versions(project.ledger.store)
    registered = set(versions.names())
    for one in found:
        if one.name in registered:
            versions.add_evaluation(one.name, one.fingerprint, one.to_json())


def version_tree(project: Project, version: str) -> Tree:
    """Return everything known about a verifier.

    Raises:
        RegistryError: there is none of that name.
    """
    versions = Versions(project.ledger.store)
    kept, plays = versions.find(version), project.backends.verifiers.get(version)
    if kept is None and plays is None:
        known = ", ".join(sorted({*project.backends.verifiers, *versions.names()}))
        raise RegistryError(f"no verifier {version!r}; there are: {known}")
    tree = Tree(Text(version, style="bold"))
    if plays is not None:
        _branch(tree, "identity", plays.identity)
    if kept is not None:
        _branch(tree, "version", {"method": kept.method, "sha256": kept.sha256})
        files = {n: f"{f.bytes:,} bytes, sha256 {f.sha256}" for n, f in kept.files.items()}
        _branch(tree, "files", files)
        _branch(tree, "training", kept.training)
        _branch(tree, "evaluations kept", dict.fromkeys(versions.evaluations(version), "kept"))
    measured = evaluated(project, version) if plays is not None else None
    if measured is not None:
        whole = measured.figures["all"]
        scores = {kind: group_cell(group) for kind, group in whole.kinds.items()}
        _branch(tree, "scores 0-10", scores)
    notes = [note for note in project.registry.promotions() if note["version"] == version]
    for number, note in enumerate(notes):
        _branch(tree, f"promotion {number + 1}", note)
    return tree


def _branch(tree: Tree, title: str, values: Mapping[str, Json]) -> None:
    if not values:
        return
    branch = tree.add(title)
    for name, value in values.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        branch.add(Text(f"{name}: {shown}", overflow="fold"))
