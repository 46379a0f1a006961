"""The report in a real browser, from disk: light, dark and as narrow as a phone."""

import html
import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

from convatlas.views import report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FABRICATED = runpy.run_path(str(Path(__file__).parents[1] / "views" / "fabricated.py"))
pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium")]

# Opens the page in a frame of some width, uses it as a reader would, and writes down what it then looks like.
READER = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe src="PAGE" style="border:0;width:WIDTHpx;height:900px"></iframe><pre id="seen"></pre><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const page = frame.contentDocument, root = page.documentElement, seen = {};
  const names = () => [...page.querySelectorAll(".summary tbody tr")].map((row) => row.cells[0].innerText.trim());
  const paper = () => getComputedStyle(page.body).backgroundColor;
  const button = (text) => [...page.querySelectorAll(".summary th button")].find((b) => b.textContent.startsWith(text));
  page.querySelectorAll("details").forEach((d) => { d.open = true; });
  seen.overflow = root.scrollWidth - root.clientWidth;
  seen.outside = [...page.querySelectorAll("svg text")].filter((text) => {
    const box = text.getBoundingClientRect(), svg = text.closest("svg").getBoundingClientRect();
    return box.left < svg.left - 3 || box.right > svg.right + 3 || box.top < svg.top - 3 || box.bottom > svg.bottom + 3;
  }).map((text) => text.textContent);
  seen.covered = [...page.querySelectorAll("#costs svg, #curves svg")].flatMap((svg) => {
    const boxes = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
    return boxes.flatMap(([a, p], i) => boxes.slice(i + 1).filter(([, q]) =>
      Math.min(p.right, q.right) - Math.max(p.left, q.left) > 1 && Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top) > 5)
      .map(([b]) => [a, b]));
  });
  seen.paper = paper();
  button("Parameters").click(); seen.smallest = names();
  button("Parameters").click(); seen.largest = names();
  button("Test").click(); seen.best = names();
  page.querySelector("#theme").click(); seen.other = paper();
  document.querySelector("#seen").textContent = JSON.stringify(seen);
};
</script>"""


def read(folder: Path, value: dict, theme: str, width: int) -> dict:
    page = report.write(value, FABRICATED["pixels"](), folder / "report.html")
    reader = folder / "reader.html"
    reader.write_text(READER.replace("PAGE", f"{page.as_uri()}#{theme}").replace("WIDTH", str(width)), encoding="utf-8")
    done = subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--allow-file-access-from-files", "--disable-web-security", f"--user-data-dir={folder / 'profile'}",
            "--enable-logging=stderr", "--virtual-time-budget=8000",
            f"--window-size={width + 40},1000", "--dump-dom", reader.as_uri(),
        ],
        capture_output=True, text=True, encoding="utf-8", timeout=120, check=True,
    )  # fmt: skip
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    seen = re.search(r'<pre id="seen">(.+?)</pre>', done.stdout, re.DOTALL)
    assert seen, done.stderr[-2000:]
    return json.loads(html.unescape(seen[1]))


MORE = ("dark", 1200), ("light", 360), ("light", 768)


@pytest.mark.parametrize(
    ("theme", "width"), [("light", 1200), ("dark", 360), *(pytest.param(*each, marks=pytest.mark.thorough) for each in MORE)]
)
def test_the_report_opens_from_disk_and_fits(tmp_path, theme, width):
    seen = read(tmp_path, FABRICATED["results"](failed=(1,)), theme, width)
    assert seen["overflow"] == 0
    assert seen["outside"] == []
    assert seen["covered"] == []
    light, dark = "rgb(255, 254, 251)", "rgb(21, 22, 26)"
    assert [seen["paper"], seen["other"]] == ([light, dark] if theme == "light" else [dark, light])
    assert seen["smallest"] == ["lenet5", "resnet20", "densenet_bc_100_12", "vgg11_bn", "tinyvgg"]
    assert seen["largest"] == ["vgg11_bn", "densenet_bc_100_12", "resnet20", "lenet5", "tinyvgg"]
    assert seen["best"][-2:] == ["lenet5", "tinyvgg"]


@pytest.mark.parametrize(
    "variant",
    [
        {"networks": 12, "seeds": 3},
        pytest.param({"networks": 10, "classes": 100}, marks=pytest.mark.thorough),
        pytest.param({"networks": 1, "seeds": 1}, marks=pytest.mark.thorough),
    ],
)
def test_larger_and_smaller_reports_fit_a_phone(tmp_path, variant):
    value = FABRICATED["results"](**variant)
    value["networks"][0]["name"] = "a_network_with_quite_an_unreasonably_long_name_indeed"
    seen = read(tmp_path, value, "light", 360)
    assert [seen["overflow"], seen["outside"]] == [0, []]
