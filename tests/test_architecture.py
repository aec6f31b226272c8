"""Who may import whom: the arrows point one way, and light things stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = ("unicedit_assets", "resources", "sensors")
HEAVY = {"dagster", "torch", "boto3", "great_expectations", "pandas", "duckdb", "typer", "rich"}

# Package -> our packages that it may import besides itself; nothing else of ours.
ALLOWED: dict[str, set[str]] = {
    "domain": {"prompts"},
    "prompts": set(),
    "classical": {"domain", "prompts"},
    "evidence": {"domain", "prompts"},
    "vlm": {"domain", "prompts"},
    "synthetic": {"domain", "prompts"},
    "published": {"domain"},
    "bench": {"domain", "prompts", "vlm", "published", "classical", "truth", "storage"},
    "storage": {"domain"},
    "qwen_verify": {"domain", "storage", "synthetic", "truth", "vlm"},
    "pipeline": {
        *("domain", "storage", "published", "settings", "bench"),
        *("qwen_verify", "synthetic", "truth", "vlm"),
    },
    "checks": {
        *("domain", "storage", "published", "settings", "pipeline"),
        *("qwen_verify", "synthetic", "vlm"),
    },
    "stages": {"pipeline", "partitions", "pools", "storage", "domain", "resources", "vlm"},
}

# The one bridge from checks to Dagster; everything else in checks is plain.
BRIDGE = "unicedit_assets/checks/bridge.py"


def modules() -> list[Path]:
    return sorted(path for top in OURS for path in (ROOT / top).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, those inside functions included."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def part_of(name: str) -> str:
    """Return the package of ours that a dotted or path-like name belongs to."""
    pieces = name.split(".")
    return pieces[1] if pieces[0] == "unicedit_assets" and len(pieces) > 1 else pieces[0]


def files_of(package: str) -> list[Path]:
    return sorted((ROOT / "unicedit_assets" / package).rglob("*.py"))


def foreign(path: Path) -> set[str]:
    """Return our packages, other than its own, that a file imports."""
    own = part_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = {part_of(name) for name in imports(path) if name.split(".")[0] in OURS}
    return found - {own, "unicedit_assets"}


@pytest.mark.parametrize("package", ALLOWED)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    assert files_of(package)
    bridges = {ROOT / BRIDGE}
    wrong = {
        str(path.relative_to(ROOT)): sorted(extra)
        for path in files_of(package)
        if path not in bridges and (extra := foreign(path) - ALLOWED[package])
    }
    assert wrong == {}


def test_the_verifier_and_the_editor_do_not_know_each_other() -> None:
    assert not any("classical" in foreign(path) for path in files_of("evidence"))
    assert not any("evidence" in foreign(path) for path in files_of("classical"))


def test_nothing_imports_the_command_line_or_the_definitions() -> None:
    for path in modules():
        inside = path.relative_to(ROOT).as_posix()
        if not inside.startswith("unicedit_assets/cli/"):
            assert "cli" not in foreign(path), inside
            assert inside.endswith("definitions.py") or "definitions" not in foreign(path), inside


def test_dagster_stays_where_it_belongs() -> None:
    pure = ["domain", "prompts", "classical", "evidence", "vlm", "published", "storage", "pipeline"]
    for package in [*pure, "bench", "synthetic", "qwen_verify", "truth"]:
        for path in files_of(package):
            assert "dagster" not in {name.split(".")[0] for name in imports(path)}, path
    for path in files_of("checks"):
        uses = "dagster" in {name.split(".")[0] for name in imports(path)}
        assert uses == (path == ROOT / BRIDGE), path


def test_nothing_private_of_dagster_and_no_pickle_is_used() -> None:
    for path in modules():
        names = set(imports(path))
        assert not any(name.startswith("dagster._") for name in names), path
        assert not names & {"pickle", "dill", "cloudpickle", "marshal", "shelve"}, path


def loaded_by(*names: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter loads with ours."""
    script = (
        "import sys, importlib\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return set(done.stdout.split())


def dotted(package: str) -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in files_of(package)
    ]


def test_importing_the_domain_loads_nothing_heavy() -> None:
    assert not loaded_by(*dotted("domain")) & HEAVY


def test_importing_the_pipeline_loads_neither_dagster_nor_great_expectations() -> None:
    allowed = {"duckdb", "pandas"}  # the catalogue; pyarrow looks for pandas
    loaded = loaded_by(*dotted("pipeline"), *dotted("storage"))
    assert not loaded & (HEAVY - allowed)


def test_importing_the_definitions_does_not_load_great_expectations() -> None:
    assert "great_expectations" not in loaded_by("unicedit_assets.definitions")


def test_torch_waits_for_the_first_edit() -> None:
    neural = {"torch", "diffusers", "transformers", "openai", "ray"}
    assert not loaded_by("unicedit_assets.definitions", "resources.editors.build") & neural
