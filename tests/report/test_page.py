"""The page: self-contained, escaped, the same for the same project, whole or not there."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from report.lake import PLANTED, Serial
from unicedit_assets.pipeline.project import Project
from unicedit_assets.report import page
from unicedit_assets.report.facts import ReleaseFacts, collect_facts
from unicedit_assets.report.page import link, render, write_report
from unicedit_assets.report.pages import score, share

MEGABYTE = 1 << 20


@dataclass
class Parsed(HTMLParser):
    """What a browser would see of a page."""

    tags: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str, str]] = field(default_factory=list)
    text: str = ""
    inline: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag in ("script", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.inline[self._inside] = self.inline.get(self._inside, "") + data
        else:
            self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        return [value for one, key, value in self.attributes if (one, key) == (tag, name)]


def parse(text: str) -> Parsed:
    parsed = Parsed()
    parsed.feed(text)
    return parsed


@pytest.fixture(scope="module")
def plain_page(project: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "report.html"
    assert write_report(project, path) == path
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def hostile_page(hostile: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(hostile, tmp_path_factory.mktemp("page") / "report.html").read_text("utf-8")


@pytest.fixture(params=["plain_page", "hostile_page"])
def any_page(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


def test_the_policy_lets_in_our_own_style_and_script_only(any_page: str) -> None:
    parsed = parse(any_page)
    (policy,) = [value for value in parsed.values("meta", "content") if "default-src" in value]
    for kind in ("script", "style"):
        hashed = hashlib.sha256(parsed.inline[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(hashed).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert any_page.index("Content-Security-Policy") < any_page.index("<style>")


def test_nothing_leads_out_of_the_page(any_page: str) -> None:
    parsed = parse(any_page)
    assert all(value.startswith("data:image/webp;base64,") for value in parsed.values("img", "src"))
    assert all(value.startswith(("#", "./")) for value in parsed.values("a", "href"))
    assert parsed.values("link", "href") == ["data:,"]
    assert not {"iframe", "object", "embed", "base", "audio", "video", "source"} & set(parsed.tags)
    assert "url(" not in parsed.inline["style"]
    assert "@import" not in parsed.inline["style"]


def test_no_text_becomes_markup(plain_page: str, hostile_page: str) -> None:
    plain, attacked = parse(plain_page), parse(hostile_page)
    assert attacked.tags == plain.tags
    assert attacked.inline == plain.inline
    names = {name for _, name, _ in attacked.attributes}
    assert not {name for name in names if name.startswith("on") or name == "style"}
    assert names == {name for _, name, _ in plain.attributes}


def test_hostile_texts_are_shown_as_they_are(hostile_page: str) -> None:
    text = parse(hostile_page).text
    assert "<img src=x onerror=\"window.hacked='img'\"></script>" in text
    assert "{{ 7*7 }}" in text
    assert "⟨U+202E⟩gnp.exe" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", hostile_page)


def test_the_hidden_truth_is_not_shown(any_page: str) -> None:
    assert PLANTED not in any_page


def test_each_section_tells_its_figures(plain_page: str) -> None:
    text = " ".join(parse(plain_page).text.split())
    for said in (
        "14 of 15 accepted pairs",
        "this project's editors do 3 of them",
        "a factor of 3.00 (allowed: 3)",
        "not done by these editors",
        "Something changed, but not what the instruction says. 2 rejected, 11.8 %",
        "7.96",
        "1/2",
        "7 partitions are missing",
        "Rewritten: Make the sky red.",
        "改写：把天空变成红色。",
        "column: confidence",
    ):
        assert said in text, said


def test_unscored_is_a_dash(plain_page: str) -> None:
    row = re.search(r"</svg> painter</th>(.*?)</tr>", plain_page, re.DOTALL)
    assert row
    assert re.findall(r">([\d.–/]+)</td>", row[1]) == ["9.00", "8.00", "7.00", "–", "7.96", "1/2"]


def test_every_anchor_has_its_target(any_page: str) -> None:
    parsed = parse(any_page)
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    targets = {value[1:] for value in parsed.values("a", "href") if value.startswith("#")}
    labels = {value for _, name, value in parsed.attributes if name == "aria-labelledby"}
    assert targets | labels <= set(ids)


def test_every_picture_has_a_text_and_every_button_a_kind(any_page: str) -> None:
    parsed = parse(any_page)
    assert len(parsed.values("img", "alt")) == parsed.tags.count("img") > 0
    assert parsed.values("button", "type") == ["button"] * parsed.tags.count("button")


def test_the_same_project_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    pages = [write_report(project, tmp_path / name).read_bytes() for name in ("a.html", "b.html")]
    assert pages[0] == pages[1]


def test_an_empty_project_has_a_page(empty: Project, tmp_path: Path) -> None:
    text = parse(write_report(empty, tmp_path / "deep" / "report.html").read_text("utf-8")).text
    assert "nothing has been registered yet" in text
    assert "No edit has been accepted yet." in text
    assert "not made yet" in text


def test_the_page_stays_small_however_long_the_texts(hostile: Project, tmp_path: Path) -> None:
    assert write_report(hostile, tmp_path / "report.html").stat().st_size < MEGABYTE


def test_a_failure_leaves_the_old_page_and_no_draft(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    monkeypatch.setattr(page, "render", lambda facts, folder: "\ud800")
    with pytest.raises(UnicodeEncodeError):
        write_report(project, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/home/a/lake/releases/r", "./lake/releases/r"),
        ("/home/b/javascript:alert(1)", "./../b/javascript%3Aalert%281%29"),
        ('/home/a/"><b>', "./%22%3E%3Cb%3E"),
        ("s3://bucket/releases/r", ""),
    ],
)
def test_links_are_relative_quoted_and_only_where_they_can_be_followed(
    url: str, expected: str
) -> None:
    assert link(url, Path("/home/a")) == expected


def test_a_release_in_a_bucket_is_told_without_a_link(project: Project, tmp_path: Path) -> None:
    far = ReleaseFacts("far", "s3://bucket/releases/far/f0", "f0", 1, 1)
    parsed = parse(render(replace(collect_facts(project), releases=(far,)), tmp_path))
    assert "s3://bucket/releases/far/f0" in parsed.text
    assert not [value for value in parsed.values("a", "href") if value.startswith("./")]


def test_rates_and_scores_of_nothing_are_dashes() -> None:
    assert (share(1, 8), share(0, 0)) == ("12.5 %", "–")
    assert (score(0.0), score(None)) == ("0.00", "–")


def test_pictures_are_made_by_the_projects_engine(project: Project, tmp_path: Path) -> None:
    class Counting(Serial):
        asked = 0

        def map(self, function, items):
            Counting.asked += 1
            return super().map(function, items)

    write_report(replace(project, engine=Counting()), tmp_path / "report.html")
    assert Counting.asked > 0
