"""The data card (README.md) of a release, made from its statistics and nothing else.

Texts that come from data (editor names, licences, reasons) are escaped for Markdown and HTML; the
front matter is written by a YAML library. ``configs`` names ``data/*.parquet`` only, so that
``load_dataset`` does not take the side tables for rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
    (100_000_000, "10M<n<100M"),
)
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+|~!:])")
_SPDX = re.compile(r"[a-z0-9.+-]+")
_BAR_WIDTH = 24
_SHOWN_MANIFESTS = 60
_EIGHTHS = "▏▎▍▌▋▊▉█"


@dataclass(frozen=True)
class CardFacts:
    """What the statistics do not know.

    Attributes:
        title: the release's name.
        manifests: ``stage/partition`` -> fingerprint of everything the release was made from.
        versions: name -> version of whoever took part (editors, verifier, code).
        limits: known limits, one sentence each.
    """

    title: str
    manifests: Mapping[str, str]
    versions: Mapping[str, str]
    limits: Sequence[str] = field(default_factory=tuple)


def escape_markdown(value: object) -> Markup:
    """Escape a value for a Markdown table cell or sentence: it shows as text, on one line."""
    if isinstance(value, Markup):
        return value
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return Markup(_MARKDOWN.sub(r"\\\1", str(escape(text))).replace("&\\#", "&#"))  # noqa: S704


def size_category(rows: int) -> str:
    """Return the Hugging Face size category of a number of rows."""
    return next((name for bound, name in _SIZES if rows < bound), "n>100M")


def bar(value: int, largest: int) -> str:
    """Return a text bar; a value above zero always shows."""
    if value <= 0 or largest <= 0:
        return ""
    eighths = max(1, round(value / largest * _BAR_WIDTH * 8))
    full, rest = divmod(eighths, 8)
    return _EIGHTHS[-1] * full + (_EIGHTHS[rest - 1] if rest else "")


def _licence(licences: Sequence[str]) -> dict[str, str]:
    one = licences[0].lower() if len(licences) == 1 else ""
    if one and one != "unknown" and _SPDX.fullmatch(one):
        return {"license": one}
    return {"license": "other", "license_name": "per-row-see-provenance"}


def _front_matter(stats: Mapping[str, Any], facts: CardFacts) -> str:
    data = {
        "pretty_name": facts.title,
        **_licence(list(stats["licences"])),
        "language": ["en", "zh"],
        "task_categories": ["image-to-image"],
        "size_categories": [size_category(stats["rows"])],
        "tags": ["image-editing", "instruction-based-editing", "unicedit"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": "data/*.parquet"}],
            }
        ],
    }
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("unicedit_assets.published"),
        autoescape=True,
        finalize=escape_markdown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["bar"] = bar
    return environment


def render_card(stats: Mapping[str, Any], facts: CardFacts) -> str:
    """Render the data card.

    Args:
        stats: what ``Statistics.to_json`` returned (or ``stats.json`` read back).
        facts: title, manifests, versions and limits.

    Raises:
        KeyError, jinja2.UndefinedError: the statistics lack a figure.
    """
    front = Markup(_front_matter(stats, facts))  # noqa: S704
    template = _environment().get_template("card.md.j2")
    return template.render(front=front, stats=stats, facts=facts, shown=_SHOWN_MANIFESTS)
