"""A bucket is listed and read like a folder, and its troubles are told apart from its objects'."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from unicedit_assets.domain.reasons import Reason
from unicedit_assets.domain.s3_sources import read_s3, walk_s3
from unicedit_assets.domain.sources import SourceError


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="photos")
        for key in ("in/b.jpg", "in/a.JPG", "in/sub/", "in/notes.txt", "in/100% é\n.png"):
            client.put_object(Bucket="photos", Key=key, Body=key.encode())
        client.put_object(Bucket="photos", Key="in-old/z.jpg", Body=b"x")
        yield client


@pytest.mark.parametrize("prefix", ["in", "in/"])
def test_s3_is_listed_and_read_like_a_folder(s3, prefix):
    found = list(walk_s3(s3, "photos", prefix))
    assert [(f.entry.name, f.ignored) for f in found] == [
        ("100%25 é%0A.png", False),
        ("a.JPG", False),
        ("b.jpg", False),
        ("notes.txt", True),
        ("sub/", True),
    ]
    assert read_s3(found[0].entry, s3, "photos", prefix) == "in/100% é\n.png".encode()


def test_a_whole_bucket_is_listed(s3):
    assert "in-old/z.jpg" in [f.entry.name for f in walk_s3(s3, "photos", "")]


def test_more_than_a_page_of_s3(s3):
    for at in range(1005):
        s3.put_object(Bucket="photos", Key=f"many/{at:05d}.jpg", Body=b"x")
    names = [f.entry.name for f in walk_s3(s3, "photos", "many")]
    assert names == sorted(names)
    assert len(names) == 1005


def s3_refusal(s3, entry, bucket="photos", **options):
    with pytest.raises(SourceError) as caught:
        read_s3(entry, s3, bucket, "in", **options)
    return caught.value.reason


def test_s3_objects_that_changed_went_or_are_too_large(s3):
    found = {f.entry.name: f.entry for f in walk_s3(s3, "photos", "in")}
    assert s3_refusal(s3, found["b.jpg"], max_bytes=3) is Reason.BOMB
    s3.put_object(Bucket="photos", Key="in/b.jpg", Body=b"same len")
    s3.delete_object(Bucket="photos", Key="in/a.JPG")
    assert s3_refusal(s3, found["b.jpg"]) is Reason.CHANGED
    assert s3_refusal(s3, found["a.JPG"]) is Reason.UNREADABLE
    large = {f.entry.name: f.entry for f in walk_s3(s3, "photos", "in", max_bytes=3)}["b.jpg"]
    assert large.problem is Reason.BOMB
    assert s3_refusal(s3, large) is Reason.BOMB


def test_trouble_with_the_service_is_not_blamed_on_the_object(s3):
    entry = next(f.entry for f in walk_s3(s3, "photos", "in"))
    with pytest.raises(s3.exceptions.ClientError):
        read_s3(entry, s3, "no-such-bucket", "in")
