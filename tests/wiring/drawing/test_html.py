"""How is the wiring shown as a page? Asked of the file, and of Chromium where there is one."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from wiring.drawing.sample_graphs import HOSTILE, SAMPLES, example, faulty, multi_task

from ml_core.wiring.drawing.html import to_html
from ml_core.wiring.drawing.keys import travelling_keys
from ml_core.wiring.graph import Graph

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason=f"no browser on PATH: looked for {', '.join(BROWSERS)}")


def data_of(page: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script id="wiring" type="application/json">(.*?)</script>', page, re.DOTALL)
    return json.loads(found)


@pytest.mark.parametrize("name", SAMPLES)
def test_data_and_drawing_name_the_same_things(name: str):
    graph = SAMPLES[name]()
    page = to_html(graph, name)
    data = data_of(page)
    assert [step["path"] for step in data["steps"].values()] == [node.path for node in graph.nodes]
    assert [key["name"] for key in data["keys"].values()] == [key.name for key in travelling_keys(graph)]
    for id in (*data["steps"], *data["keys"]):
        assert page.count(f'id="{id}"') == 1


def test_it_holds_what_a_click_shows():
    steps = {step["path"]: step for step in data_of(to_html(faulty(), "faulty"))["steps"].values()}
    network = steps["model.forward_fn.network"]
    assert network["yaml"].startswith("_target_: ml_core.transforms.base.WrapTransform\n")
    assert network["origin"] == "configs/model/classifier.yaml:8"
    assert network["faults"] == ["MyNet.fc1 (Linear 783 -> 64) cannot take x: float32 [64, 784]."]
    assert [(read["key"], read["parameter"]) for read in network["reads"]] == [("k3", "x")]


def test_it_loads_nothing():
    page = to_html(multi_task(), "page")
    assert "default-src 'none'" in page
    assert re.findall(r"\b(?:src|href)\s*=|url\(|@import|https?://(?!www\.w3\.org/2000/svg)", page) == []


def test_hostile_text_stays_text():
    page = to_html(SAMPLES["hostile"](), HOSTILE)
    assert len(re.findall(r"<script\b", page)) == len(re.findall(r"</script\b", page)) == 2
    assert html.escape(HOSTILE) in page
    assert data_of(page)["steps"]["n0"]["yaml"] == HOSTILE


def run_browser(page: Path, *options: str) -> str:
    assert BROWSER is not None
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--window-size=1400,900",
        *options,
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def ask(folder: Path, graph: Graph, script: str, title: str = "wiring") -> Any:
    """Open the page in the browser, run a script in it, and return what that returns."""
    asking = (
        f"<pre id=answer></pre><script>answer.textContent = JSON.stringify((() => {{{script}}})());</script></body>"
    )
    page = folder / "wiring.html"
    page.write_text(to_html(graph, title).replace("</body>", asking), encoding="utf-8")
    (answer,) = re.findall(r'<pre id="answer">(.*?)</pre>', run_browser(page, "--dump-dom"), re.DOTALL)
    return json.loads(html.unescape(answer))


@pytest.mark.slow
@needs_browser
def test_a_click_shows_yaml_origin_and_keys(tmp_path: Path):
    script = """
      document.getElementById("n3").dispatchEvent(new MouseEvent("click", { bubbles: true }));
      const panel = document.getElementById("panel");
      const lit = [...document.querySelectorAll(".key.lit")].map((key) => key.dataset.key);
      const [head, yaml] = ["h2", "pre"].map((tag) => panel.querySelector(tag).textContent);
      return [head, yaml, panel.textContent, lit, location.hash];
    """
    head, yaml, text, lit, address = ask(tmp_path, example(), script)
    assert head == "network"
    assert yaml == example().node("model.forward_fn.network").yaml
    assert "configs/model/classifier.yaml:8" in text
    assert "float32 [64, 1, 28, 28]" in text
    assert lit == ["image", "output"]
    assert address == "#model.forward_fn.network"


@pytest.mark.slow
@needs_browser
def test_keys_are_followed_and_steps_found_without_a_mouse(tmp_path: Path):
    script = """
      const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      const seen = [];
      document.getElementById("n0").focus();
      for (const key of ["ArrowDown", "ArrowDown", "Enter"]) {
        press(document.activeElement, key);
        seen.push(document.activeElement.id);
      }
      seen.push(document.querySelector("#panel h2").textContent);
      press(document.body, "/");
      seen.push(document.activeElement.id);
      const search = document.getElementById("search");
      search.value = "accur";
      search.dispatchEvent(new Event("input"));
      seen.push(document.getElementById("matches").value);
      press(search, "Enter");
      seen.push(document.querySelector("#panel h2").textContent);
      press(search, "Escape");
      seen.push(document.querySelector("#panel h2").textContent);
      return seen;
    """
    assert ask(tmp_path, example(), script) == [
        "k0", "n1", "n1", "to_tensor", "search", "1 found", "accuracy", "Wiring",
    ]  # fmt: skip


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("name", ["multi_task", "hostile"])
def test_texts_fit_their_boxes_in_the_fonts_of_this_machine(tmp_path: Path, name: str):
    script = """
      return [...document.querySelectorAll(".step[id], .key[id]")].flatMap((group) => {
        const box = group.querySelector(".surface, .label").getBBox();
        return [...group.querySelectorAll("text")].map((text) => [text.textContent, text.getBBox(), box])
          .filter(([, inner, outer]) => inner.x < outer.x + 2 || inner.x + inner.width > outer.x + outer.width - 2)
          .map(([words]) => words);
      });
    """
    assert ask(tmp_path, SAMPLES[name](), script) == []


@pytest.mark.slow
@needs_browser
def test_hostile_text_runs_nothing(tmp_path: Path):
    script = """
      document.getElementById("n0").dispatchEvent(new MouseEvent("click", { bubbles: true }));
      return [document.scripts.length, document.querySelector("#panel pre").textContent, document.title];
    """
    num_scripts, yaml, title = ask(tmp_path, SAMPLES["hostile"](), script, HOSTILE)
    assert num_scripts == 3, "data, script, and that of this test"
    assert yaml == HOSTILE
    assert title.startswith("</script><script>alert('1')")


@pytest.mark.slow
@needs_browser
def test_the_screenshot_shows_a_drawing(tmp_path: Path):
    page, picture = tmp_path / "wiring.html", tmp_path / "wiring.png"
    page.write_text(to_html(multi_task(), "wiring"), encoding="utf-8")
    run_browser(page, f"--screenshot={picture}")
    with Image.open(picture) as image:
        colours = image.convert("RGB").getcolors(maxcolors=1 << 24)
    assert colours is not None
    assert len(colours) > 100
    assert max(colours)[0] < 0.9 * 1400 * 900
