"""The page of `scripts/data_stats.py`: one file with everything in it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import datasets
import pytest
from setting import Compose

from scripts.data_stats import show


@pytest.fixture(autouse=True)
def _cache_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def page_of(cfg) -> str:
    text = show(cfg).read_text()
    assert not re.search(r"<(script|link)|(src|href)='(?!data:)", text), "it must need no other file"
    body = re.sub(r"<!doctype html>|<meta[^>]*>|<style>.*?</style>", "", text, flags=re.S)
    ET.fromstring(re.sub(r"<(img[^>]*)>", r"<\1/>", body))  # every element is closed
    return text


def test_a_table_is_shown_with_its_classes_and_samples(compose_config: Compose, capsys: pytest.CaptureFixture):
    page = page_of(compose_config("experiment=data/csv"))
    assert re.findall(r"<h2>(\w+)</h2><p>([^<]*)", page) == [
        ("train", "105 rows"),
        ("validation", "15 rows"),
        ("test", "30 rows"),
    ]
    assert "<td>setosa</td><td class='number'>35</td><td class='number'>33.3%</td>" in page
    assert "<td>virginica</td>" in page
    assert "setosa 35, versicolor 35, virginica 35" in " ".join(capsys.readouterr().out.replace("│", " ").split())


def test_images_become_a_contact_sheet_with_their_labels(compose_config: Compose):
    page = page_of(compose_config("experiment=data/image_folder"))
    assert page.count("<figure><img") == 48 + 12 + 30
    assert {"circle", "square", "triangle"} == set(re.findall(r"<figcaption>(\w+)</figcaption>", page))


def test_signals_become_curves(compose_config: Compose):
    page = page_of(compose_config("experiment=data/signals"))
    assert page.count("<svg") == 3 * 16
