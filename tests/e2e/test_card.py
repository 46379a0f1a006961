"""A card says what a run knows, to the digit, and what it does not; no name in it is more than text."""

import html
import json
import math
import re
import shlex
import shutil
import statistics
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from convatlas.cli import app
from convatlas.cli.flags import given_flags
from convatlas.engine.record import Run
from convatlas.recipes import default
from convatlas.studies.card import command, origin_of_weights


@pytest.fixture
def run(digits_run, tmp_path) -> Path:
    return Path(shutil.copytree(digits_run, tmp_path / "run"))


def changed(folder: Path, name: str, **values: object) -> None:
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rendered(card: Path) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable("table").render(card.read_text().split("---\n", 2)[2])


def cells(page: str) -> list[list[str]]:
    return [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", page, re.DOTALL)]


def test_the_card_says_what_was_measured(say, run):
    said = say("card", run, "--license", "mit", "--json")
    assert said.code == 0, said.all
    told = json.loads(said.out)
    assert Path(told["card"]) == run / "README.md"
    assert told["left_out"] == {}
    page = rendered(run / "README.md")
    pictures = re.findall(r'<img src="(card/[^"]+)"', page)
    assert {run / picture for picture in pictures} == {Path(p) for p in told["pictures"]} == set((run / "card").iterdir())
    assert {"card/curves.png", "card/confusion.png", "card/predictions.png"} <= set(pictures)
    rows = {row[0]: row[1:] for row in cells(page) if row}
    measured = json.loads((run / "metrics.json").read_text())
    for name, split in (("Test", "test"), ("Validation", "val")):
        n, share = measured[split]["n"], measured[split]["accuracy"]
        z = 1.959964
        middle, half = (share + z * z / 2 / n), z * math.sqrt(share * (1 - share) / n + z * z / 4 / n / n)
        low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        assert rows[name][:3] == [f"{n}", f"{100 * share:.2f}", f"{100 * low:.2f} to {100 * high:.2f}"]
        assert rows[name][-2:] == [f"{100 * measured[split]['calibration_error']:.2f}", f"{measured[split]['loss']:.4f}"]
    seven = measured["test"]["confusion"][7]
    assert rows["7"][:2] == [str(sum(seven)), f"{100 * seven[7] / sum(seven):.1f}"]
    assert rows["Parameters"] == ["61,706"]
    assert rows["License of the data"] == ["CC BY 4.0"]
    assert "how much another one would change the figures is not known" in page


def test_the_front_matter_is_what_a_hub_reads(say, run):
    yaml = pytest.importorskip("yaml")
    changed(run, "env.json", data=json.loads((run / "env.json").read_text())["data"] | {"title": 'The "best": #1\n- x'})
    assert say("card", run, "--license", "mit").code == 0
    head = yaml.safe_load((run / "README.md").read_text().split("---\n")[1])
    assert (head["library_name"], head["license"], head["pipeline_tag"]) == ("convatlas", "mit", "image-classification")
    [test, val] = head["model-index"][0]["results"]
    measured = json.loads((run / "metrics.json").read_text())
    assert test["metrics"][0]["value"] == measured["test"]["accuracy"]
    assert (test["dataset"]["name"], val["dataset"]["split"]) == ('The "best": #1\n- x', "validation")


def test_names_are_text_and_nothing_more(say, run):
    names = [
        "<script>alert(1)</script>",
        "a|b",
        "[x](http://evil)",
        "*b*",
        "`c`",
        "www.evil.org",
        "a\nb",
        "\\",
        "&amp;",
        "~~d~~",
    ]
    env = json.loads((run / "env.json").read_text())
    changed(run, "env.json", data=env["data"] | {"classes": names, "title": "<img src=x onerror=alert(1)>"})
    said = say("card", run)
    assert said.code == 0, said.all
    assert "predictions left out" in said.err  # the set has other classes now
    page = rendered(run / "README.md")
    assert not re.search(r"<(script|em|del|a href=.http://evil|img src=x)", page)
    rows = [html.unescape(row[0]) for row in cells(page) if len(row) == 4 and " to " in row[3] and row[1].isdecimal()]
    assert rows == [" ".join(name.split()) for name in names]


def test_several_seeds_give_mean_and_standard_deviation(say, run, tmp_path):
    folders, shares = [run], [json.loads((run / "metrics.json").read_text())["test"]["accuracy"]]
    for seed in (1, 2):
        folder = Path(shutil.copytree(run, tmp_path / f"run{seed}"))
        changed(folder, "recipe.json", seed=seed)
        test = json.loads((folder / "metrics.json").read_text())["test"]
        shares.append(seed / 10)
        changed(folder, "metrics.json", test=test | {"accuracy": seed / 10})
        folders.append(folder)
    assert say("card", *folders).code == 0
    rows = [row for row in cells(rendered(run / "README.md")) if row and row[0] == "Test"]
    assert rows[1][1:] == [f"{100 * statistics.fmean(shares):.2f} ± {100 * statistics.stdev(shares):.2f}", "3 seeds"]
    assert not (folders[1] / "README.md").exists()


def test_where_the_data_is_gone_the_other_pictures_are_drawn(say, run, tmp_path):
    changed(run, "recipe.json", data="gone/photos", weights="/home/me/old.pth")
    said = say("card", run, "--out", "there/card.md", "--weights-license", "apache-2.0")
    assert said.code == 0, said.all
    assert "predictions left out" in said.err
    assert sorted(path.name for path in Path("there/card").iterdir()) == ["confusion.png", "curves.png"]
    text = Path("there/card.md").read_text()
    assert "The picture of predictions is left out" in text
    assert "the file old.pth, under the license apache-2.0" in text
    assert "not one of the public sets" in text
    assert "/home/me" not in text
    assert not (run / "README.md").exists()


def test_the_origin_of_weights_is_told_as_far_as_it_is_known():
    known = origin_of_weights("squeezenet1_1", "imagenet1k_v1", None)
    assert known.license == "BSD-3-Clause"
    assert "imagenet1k_v1 of squeezenet1_1" in known.words
    assert origin_of_weights("squeezenet1_1", "mine.pth", None).license is None
    assert origin_of_weights("squeezenet1_1", "mine.pth", "mit").license == "mit"
    assert origin_of_weights("squeezenet1_1", None, None) is None


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"lr": 0.05, "seed": 3},
        {"batch_size": 64, "channels_last": False, "flip": False, "mean": (0.5,), "std": (0.25,)},
        {"weights": "imagenet1k_v1", "strategy": "last-2", "head_rate": 10.0, "freeze_norms": True},
    ],
)
def test_the_command_gives_the_recipe_again(changes):
    recipe = default("squeezenet1_1", "digits", **changes)
    words = shlex.split(command(recipe))
    _, bound, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    [flags] = [value for value in bound.arguments.values() if hasattr(value, "batch_size")]
    assert default(bound.args[0], **given_flags(flags)) == recipe


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "card needs a run folder"),
        ("nowhere", "nowhere is not a run folder"),
        ("run other", "has lr 0.004 and other 0.5: give each its own card"),
        ("run twin", "seed 0 came twice"),
        ("run --out card.txt", "in a file that ends in .md, got card.txt"),
        ("carded", "carded/README.md exists and nothing is overwritten: add --replace"),
        ("unfinished", "unfinished is unfinished"),
    ],
)
def test_a_card_is_refused_with_a_sentence(say, run, words, sentence):
    for name in ("other", "twin", "carded", "unfinished"):
        shutil.copytree(run, name)
    changed(Path("other"), "recipe.json", lr=0.5, seed=1)
    Path("carded/README.md").write_text("mine")
    Path("unfinished/metrics.json").unlink()
    before = sorted(Path().rglob("*"))
    said = say("card", *words.split())
    assert (said.code, sentence in said.all) == (2, True), said.all
    assert sorted(Path().rglob("*")) == before
    assert Path("carded/README.md").read_text() == "mine"
    assert Run.open(run).finished


def test_a_card_is_replaced_when_asked(say, run):
    (run / "README.md").write_text("old")
    (run / "card").mkdir()
    (run / "card" / "old.png").write_bytes(b"old")
    assert say("card", run, "--replace").code == 0
    assert (run / "README.md").read_text().startswith("---\nlibrary_name: convatlas\n")
    assert not (run / "card" / "old.png").exists()
