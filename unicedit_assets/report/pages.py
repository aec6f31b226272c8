"""Static HTML pages that need no network and trust no text: what all of ours share.

A page's own style and script are the only ones its Content-Security-Policy lets in (by hash),
pictures are ``data:`` URIs, every text is escaped, and nothing else can be loaded or sent.
"""

from __future__ import annotations

import base64
import hashlib

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unicedit_assets.report import charts
from unicedit_assets.report.benchmark import LANGUAGE_NAMES
from unicedit_assets.report.text import visible
from unicedit_assets.report.wording import stage_words


def page_environment() -> Environment:
    """Return what renders our templates; whatever one is called, its texts are escaped."""
    environment = Environment(
        loader=PackageLoader("unicedit_assets.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "share": share,
        "score": score,
        "thousands": thousands,
        "figure": figure,
    }
    environment.globals |= {
        "words": stage_words,
        "languages": LANGUAGE_NAMES,
        "regions": charts.regions,
    }
    return environment


def asset(environment: Environment, name: str) -> Markup:
    """Return one of our own files as it stands; its hash goes into the policy."""
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return Markup(source)  # noqa: S704 - ours, not from data


def policy(style: str, script: str) -> str:
    """Return the Content-Security-Policy: our style, our script, inline pictures, nothing else."""
    return "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def share(part: float, whole: float) -> str:
    """Return a rate in per cent, or a dash when there is nothing to compare with."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def score(value: float | None) -> str:
    """Return a score, or a dash where nothing was scored: that is no zero."""
    return "–" if value is None else f"{value:.2f}"


def thousands(value: int) -> str:
    """Return a count with its thousands set apart."""
    return f"{value:,}"


def figure(value: float) -> str:
    """Return a measured figure with four digits that count."""
    return f"{value:.4g}"
