"""``unicedit synthetic``: sheets, counts, shards."""

from __future__ import annotations

from pathlib import Path

import pytest
from cutout_files import write_cutouts
from photographs import photograph
from PIL import Image
from typer.testing import CliRunner

from unicedit_assets.cli.app import app
from unicedit_assets.settings import Settings

RUN = CliRunner()


def told(*arguments: str, code: int = 0) -> str:
    done = RUN.invoke(app, ["synthetic", *arguments])
    assert done.exit_code == code, done.output
    return done.output


def test_a_sheet_shows_what_was_asked_for(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(photograph(1)).save(photos / "a.png")
    out = tmp_path / "sheet.png"
    asked = ("--subtask", "Subject Removal", "--kind", "collateral", "--each", "2", "--mask")
    asked += ("--cutouts", str(write_cutouts(tmp_path / "cut")))
    assert "2 pairs" in told("sheet", "--out", str(out), *asked, "--photos", str(photos))
    with Image.open(out) as sheet:
        assert sheet.width > 2 * 2 * 200


def test_a_wrong_kind_is_told(tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    assert "no kind" in told("sheet", "--out", str(out), "--kind", "vague", code=2)
    assert not out.exists()


@pytest.mark.parametrize("option", ["--photos", "--cutouts"])
def test_a_folder_without_pictures_is_told(tmp_path: Path, option: str) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        assert option[2:5] in told("sheet", option, str(folder), code=2)


def test_a_photograph_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff\xe0 torn")
    out = tmp_path / "sheet.png"
    told_so = told("sheet", "--out", str(out), "--photos", str(tmp_path), code=2)
    assert "cannot be read as a photograph" in " ".join(told_so.replace("│", " ").split())
    assert not out.exists()


@pytest.mark.parametrize("option", ["--photos", "--cutouts"])
def test_the_plain_style_shows_no_photographs(tmp_path: Path, option: str) -> None:
    out = tmp_path / "sheet.png"
    asked = ("--style", "plain", option, str(write_cutouts(tmp_path / "cut")))
    assert "need --style rich" in told("sheet", "--out", str(out), *asked, code=2)
    assert not out.exists()


def test_the_distribution_names_every_kind_and_its_share() -> None:
    counted = told("distribution", "--pairs", "22", "--style", "plain")
    assert "drawn with" in counted and "30 %" in counted and "Lens Zooming" in counted


@pytest.mark.slow
def test_shards_are_made_once_and_kept_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DAGSTER_HOME", "UNICEDIT_HOME"):
        monkeypatch.setenv(name, str(tmp_path))  # so that they are as before afterwards
    settings = "[synthetic_pairs]\nrows = 3\nside = 64\n# shards = 0\n"
    (tmp_path / "unicedit.toml").write_text(settings)
    assert "2 shards made, 0" in told("make", "--shards", "2", "--home", str(tmp_path))
    assert "0 shards made, 2" in told("make", "--shards", "1", "--home", str(tmp_path))
    loaded = Settings.load(tmp_path).synthetic_pairs
    assert (loaded.shards, loaded.rows) == (2, 3)
