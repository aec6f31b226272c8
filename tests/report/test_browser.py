"""The page in a real browser: it stays whole, alone and usable whatever its texts are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from unicedit_assets.pipeline.project import Project
from unicedit_assets.report.page import write_report

pytestmark = [pytest.mark.slow, pytest.mark.browser]

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 375, "height": 720}
DESK = {"width": 1280, "height": 900}


def missing(what: str) -> None:
    """Skip on a developer's machine; CI must have a browser."""
    message = f"{what} is missing: the report cannot be opened in a browser"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        missing("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """An opened page, and what it complained about or asked the world for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def focused(self, script: str) -> Any:
        return self.page.evaluate(
            f"(() => {{ const at = document.activeElement; return {script}; }})()"
        )


def visit(chromium: Any, path: Path, size: dict[str, int], **options: Any) -> Visit:
    context = chromium.new_context(viewport=size, **options)
    opened = Visit(context.new_page())
    page = opened.page
    page.set_default_timeout(20_000)
    page.on("console", lambda message: opened.complaints.append(message.text))
    page.on("pageerror", lambda error: opened.complaints.append(str(error)))
    page.on("dialog", lambda dialog: (opened.complaints.append("dialog"), dialog.dismiss()))
    page.on("request", lambda request: opened.requests.append(request.url))
    page.goto(path.as_uri())
    return opened


@pytest.fixture(scope="module")
def report(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(project, tmp_path_factory.mktemp("plain-page") / "report.html")


@pytest.fixture(scope="module")
def attacked(hostile: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(hostile, tmp_path_factory.mktemp("hostile-page") / "report.html")


@pytest.fixture(params=["report", "attacked"])
def path(request: pytest.FixtureRequest) -> Path:
    return Path(request.getfixturevalue(request.param))


def test_it_opens_without_complaint_and_asks_nobody(chromium: Any, path: Path) -> None:
    opened = visit(chromium, path, DESK)
    opened.page.wait_for_load_state("networkidle")
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [path.as_uri()]


def test_all_pictures_load(chromium: Any, path: Path) -> None:
    page = visit(chromium, path, DESK).page
    widths = page.evaluate(
        "Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth)))"
    )
    assert len(widths) > 20
    assert min(widths) > 0


def test_hostile_texts_do_nothing_even_when_used(chromium: Any, attacked: Path) -> None:
    opened = visit(chromium, attacked, DESK)
    page = opened.page
    for summary in page.locator("summary").all():
        summary.evaluate("each => each.parentElement.open = true")
    page.locator(".open:not(:disabled)").first.click()
    page.locator("bdi").last.hover(force=True)
    assert page.evaluate("window.hacked === undefined")
    assert page.locator("script").count() == 1
    assert page.locator("svg[onload], img[onerror], [onmouseover]").count() == 0
    assert page.evaluate("document.querySelectorAll('a[href^=javascript]').length") == 0
    assert opened.complaints == []


def test_the_policy_stops_what_escaping_would_miss(chromium: Any, report: Path) -> None:
    opened = visit(chromium, report, DESK)
    opened.page.evaluate(
        """() => {
            const holder = document.createElement("div");
            holder.innerHTML = '<img src=x onerror="window.hacked=1">'
                + '<img src="https://example.invalid/beacon.png">';
            document.body.append(holder);
            const script = document.createElement("script");
            script.textContent = "window.hacked = 2";
            document.body.append(script);
        }"""
    )
    opened.page.wait_for_function("performance.now() > 0")
    assert opened.page.evaluate("window.hacked === undefined")
    assert any("Content Security Policy" in complaint for complaint in opened.complaints)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(chromium: Any, path: Path, scheme: str) -> None:
    page = visit(chromium, path, PHONE, color_scheme=scheme).page
    for summary in page.locator("summary").all():
        summary.evaluate("each => each.parentElement.open = true")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_dark_mode_is_dark(chromium: Any, report: Path) -> None:
    def lightness(scheme: str) -> int:
        page = visit(chromium, report, DESK, color_scheme=scheme).page
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour.strip("rgb()").split(","))

    assert lightness("dark") < 150 < 600 < lightness("light")


def test_the_gallery_filters_by_subtask_and_by_rewriting(chromium: Any, report: Path) -> None:
    page = visit(chromium, report, DESK).page
    assert page.locator("#shown").inner_text() == "14 pairs shown"
    page.select_option("#subtask", "Tone Transformation")
    assert page.locator("#shown").inner_text() == "3 pairs shown"
    assert page.locator("#pairs > .pair:visible").count() == 3
    page.select_option("#subtask", "Spatial Reasoning Edits")
    before = page.locator("#pairs > .pair:visible").count()
    page.check("#rewritten")
    assert page.locator("#pairs > .pair:visible").count() == before - 1
    assert not page.locator("#pairs .boxes").first.is_visible()
    page.check("#marks")
    assert page.locator("#pairs .pair:visible .boxes").first.is_visible()


def test_the_gallery_can_be_walked_by_keyboard_alone(chromium: Any, report: Path) -> None:
    opened = visit(chromium, report, DESK, reduced_motion="reduce")
    page = opened.page
    page.keyboard.press("Tab")
    assert opened.focused("at.className") == "skip"
    page.focus("#marks")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert opened.focused("[...document.querySelectorAll('#pairs .open')].indexOf(at)") == 1
    outline = opened.focused("getComputedStyle(at).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    assert page.locator("#viewer").is_visible()
    assert opened.focused("at.id") == "swipe"
    cut = "getComputedStyle(document.getElementById('stack')).getPropertyValue('--cut')"
    assert page.evaluate(cut) == "50%"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(cut) == "49%"
    title = page.locator("#viewer-h").inner_text()
    page.keyboard.press("n")
    assert page.locator("#viewer-h").inner_text() != title
    assert "Make the sky red." in page.locator("#viewer-text").inner_text()
    page.keyboard.press("Escape")
    assert not page.locator("#viewer").is_visible()
    assert opened.focused("[...document.querySelectorAll('#pairs .open')].indexOf(at)") == 2
    assert opened.complaints == []


def test_holding_shows_the_picture_before(chromium: Any, report: Path) -> None:
    page = visit(chromium, report, DESK).page
    page.locator("#pairs .open").first.click()
    page.focus("#hold")
    after = page.locator("#stack img").nth(1)
    page.keyboard.down("Space")
    assert not after.is_visible()
    page.keyboard.up("Space")
    assert after.is_visible()


def test_evidence_lies_over_the_rejected_pictures(chromium: Any, report: Path) -> None:
    page = visit(chromium, report, DESK).page
    place = page.evaluate(
        """() => {
            const frame = document.querySelector("#why-verified_edits-misaligned .frame");
            const image = frame.querySelector("img").getBoundingClientRect();
            const edge = frame.querySelector(".edge").getBoundingClientRect();
            return [(edge.left - image.left) / image.width, (edge.top - image.top) / image.height,
                    edge.width / image.width, edge.height / image.height];
        }"""
    )
    assert place == pytest.approx([0.25, 0.5, 0.5, 0.5], abs=0.03)


def test_it_can_be_read_without_script_and_printed(chromium: Any, report: Path) -> None:
    page = visit(chromium, report, DESK, java_script_enabled=False).page
    assert page.locator("#pairs > .pair:visible").count() == 14
    assert not page.locator("#subtask").is_visible()
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("#funnel").is_visible()
