"""`convatlas show`: what happens in each layer and what it costs."""

import csv
import io
import json
import re

import pytest
import torch

from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.models import create_model
from convatlas.runs.training import start


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shown") / "run"
    recipe = Recipe(model="resnet20:width=4", data="digits", limit=100, epochs=1, batch_size=50, device="cpu", precision="32")
    list(start(Run.create(folder, recipe)))
    return folder


def test_the_card_stands_above_the_layers_the_stages_and_the_totals(say):
    said = say("show", "resnet18")
    assert said.code == 0, said.all
    lines = [line.strip() for line in said.out.splitlines() if line.strip()]
    order = ("resnet18", "Idea", "module", "layer1.0 … layer1.1", "A line is", "stage", "stride 32", "all", "At 3x224x224")
    places = [next(i for i, line in enumerate(lines) if line.startswith(words)) for words in order]
    assert places == sorted(places)
    assert "11,689,512 parameters, 1.81 G MACs" in said.out
    assert "training step of 32" in said.out
    assert len(lines) < 80


def test_depth_unfolds(say):
    closed, opened = (say("show", "resnet18", "--depth", depth).out for depth in (1, 9))
    assert re.search(r"^ layer4 +Sequential", closed, re.MULTILINE)
    assert "layer4.1.relu_1" not in closed
    assert re.search(r"^ layer4\.1\.relu_1 +relu", opened, re.MULTILINE)
    assert "×" not in opened.split("Spec")[1].split("stage")[0]


def test_json_has_all_of_it(say):
    found = json.loads(say("show", "googlenet", "--json", "--batch", 2).out)
    assert {"name", "idea", "checkpoints", "parameters"} <= found.keys()
    anatomy = found["anatomy"]
    assert anatomy["macs"] == found["macs"] == sum(row["macs"] for row in anatomy["layers"])
    assert anatomy["idle"] > 6e6  # the heads that only training has
    assert sum(stage["parameters"] for stage in anatomy["stages"]) + anatomy["idle"] == anatomy["parameters"]
    assert anatomy["memory"]["training"]["batch"] == 2
    assert anatomy["memory"]["training"]["total"] > anatomy["memory"]["inference"]["total"]


def test_csv_on_standard_output_is_nothing_else(say):
    rows = list(csv.DictReader(io.StringIO(say("show", "efficientnet_b0", "--csv", "-").out)))
    assert rows[0]["name"] == "features.0.0"
    assert (rows[0]["output_shape"], rows[0]["kernel"], rows[0]["receptive_field"]) == ("1x32x112x112", "3x3", "3")
    assert rows[-1]["receptive_field"] == "all"  # a squeeze looks at everything
    assert sum(int(row["parameters"]) for row in rows) == 5_288_548


def test_files_are_named_and_whole(say, tmp_path):
    said = say("show", "lenet5_1998", "--html", "a.html", "--csv", "a.csv", "--svg", "a.svg")
    assert said.code == 0, said.all
    assert said.out.splitlines()[-3:] == ["layers a.csv", "page a.html", "blueprint a.svg"]
    html = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "convatlas show lenet5_1998" in html
    assert not re.findall(r"(?:src|href)=[\"'](?!#|data:)", html)
    assert html.count("<details") == html.count("</details>") == 6
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_other_images_classes_and_ablations(say):
    found = json.loads(say("show", "resnet18:width=32", "--input", "1x64x96", "--num-classes", 7, "--json").out)
    assert found["name"] == "resnet18:width=32"
    assert (found["top1"], found["checkpoints"]) == (None, [])
    assert found["anatomy"]["input"] == [1, 64, 96]
    assert found["anatomy"]["layers"][-1]["output_shape"] == [1, 7]
    model = create_model("resnet18:width=32", in_channels=1, image_size=96, num_classes=7)
    assert found["parameters"] == sum(p.numel() for p in model.parameters())
    with torch.no_grad():
        assert model.eval()(torch.zeros(1, 1, 64, 96)).shape == (1, 7)


def test_a_run_is_shown_as_it_was_trained(say, trained):
    said = say("show", trained)
    assert said.code == 0, said.all
    assert "resnet20:width=4" in said.out
    assert "the test images of digits, in this run" in said.out
    found = json.loads(say("show", trained, "--json").out)
    assert found["anatomy"]["input"] == [1, 16, 16]
    assert found["num_classes"] == 10


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("resnt18", "unknown network 'resnt18': did you mean resnet18"),
        ("resnet18:widht=3", "did you mean width"),
        ("no/where", "no/where is not a run folder"),
        ("resnet18 --input 16", "resnet18 needs images of at least 32x32, got 16x16"),
        ("resnet18 --input 300x16", "at least 32x32"),
        ("vit_b_16 --input 200", "such as 208x208, got 200x200"),
        ("vit_b_16 --input 224x240", "vit_b_16 needs square images, such as 240x240, got 224x240"),
        ("resnet18 --input big", "such as 3x224x224, or 224x320, or 224, got 'big'"),
        ("resnet18 --input 3x0x8", "such as 3x224x224"),
        ("resnet18 --depth 0", "--depth needs to be at least 1, got 0"),
        ("resnet18 --batch 0", "--batch needs to be at least 1, got 0"),
        ("resnet18 --svg a.gif", "--svg writes .svg, .png or .pdf, got 'a.gif'"),
        ("resnet18 --csv --history", "--csv needs a file, or - for standard output, got '--history'"),
        ("resnet18 --csv no/a.csv", "cannot write no/a.csv"),
    ],
)
def test_what_cannot_be_shown_is_said(say, tmp_path, words, sentence):
    said = say("show", *words.split())
    assert said.code == 2, said.all
    assert sentence in said.all
    assert "Traceback" not in said.all
    assert said.out == ""
    assert not list(tmp_path.iterdir())


def test_a_run_says_what_it_was_built_for(say, trained):
    said = say("show", trained, "--input", "3x32x32")
    assert said.code == 2
    assert "was built for 1x" in said.all
    assert "--num-classes needs the name of a network" in say("show", trained, "--num-classes", 3).all
