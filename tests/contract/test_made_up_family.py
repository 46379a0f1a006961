"""A family is one file and one line: a made-up one goes through the whole package, and no other file is touched."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FILE = '''"""BlurNet: see less, and average.

Every layer computes y = relu(conv(x)) at half the size.

Papers   Nobody 2021, nowhere
Differs  In nothing: there is nothing to differ from.
Names    features = layers in order · fc = head
"""

from dataclasses import dataclass

from torch import Tensor, nn

from .family import Family, Idea, Native, Paper, Printed, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Channels of each layer."""

    widths: tuple[int, ...]


VARIANTS = {"blurnet2": Spec((4, 8)), "blurnet3": Spec((4, 8, 16))}


class BlurNet(nn.Module):
    """Convolutions with stride 2, global average, one linear layer.

    Shapes   x (n, in_channels, h, w) float → (n, num_classes)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        layers, c_in = [], in_channels
        for c_out in spec.widths:
            layers += [nn.Conv2d(c_in, c_out, 3, 2, padding=1), nn.BatchNorm2d(c_out), nn.ReLU()]
            c_in = c_out
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(c_in, num_classes) if num_classes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.features(x)).flatten(1))


FAMILY = Family(
    name="blurnet",
    title="BlurNet",
    papers=(Paper("Nobody", 2021, "Seeing Less", "nowhere"),),
    ideas=(Idea("lenet", "convolutions", "Nobody 2021, §1"),),
    build=BlurNet,
    variants=VARIANTS,
    native=Native(num_classes=10, in_channels=1, image_size=32, smallest=8),
    suits=Suits("sgd", lr=0.1, weight_decay=5e-4),
    stem="features.0",
    heads=("fc",),
    printed={"blurnet2": Printed("450", "", "Nobody 2021, table 1")},
    sides={"blurnet2": Sides((16, 8), "Nobody 2021, figure 1")},
)
'''

SCRIPT = """
import contextlib, io, json, sys
from convatlas import cli
answers = []
for command in json.loads(sys.argv[1]):
    sys.argv = ["convatlas", *command]
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            cli.main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    answers.append((code, out.getvalue()))
print("answers:" + json.dumps(answers))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with one more file and one more line."""
    folder = tmp_path_factory.mktemp("made_up")
    shutil.copytree(ROOT / "src" / "convatlas", folder / "convatlas", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "convatlas" / "models" / "blurnet.py").write_text(FILE, encoding="utf-8")
    catalog = folder / "convatlas" / "catalog.py"
    text = catalog.read_text(encoding="utf-8")
    assert text.count('    "lenet", ') == 1
    catalog.write_text(text.replace('    "lenet", ', '    "blurnet",\n    "lenet", '), encoding="utf-8")
    return folder


def run(package: Path, *commands: str) -> list[tuple[int, str]]:
    """Exit code and output of each command, all typed into one process in the folder."""
    arguments = json.dumps([command.split() for command in commands])
    environment = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, arguments], capture_output=True, text=True, check=False, cwd=package, env=environment
    )
    assert "answers:" in done.stdout, done.stderr
    return json.loads(done.stdout.rpartition("answers:")[2])


@pytest.mark.slow
def test_a_family_is_one_file_and_one_line(package: Path) -> None:
    commands = (
        "list blur* --json",
        "show blurnet2:widths=4-6-8 --json",
        "blueprint blurnet3 --out blueprint.svg",
        "evolution --json",
        "train blurnet2 --data digits --epochs 1 --limit 60 --out run --json",
        "look run --what filters --out looks",
        "verify blurnet2",
    )
    answers = dict(zip(commands, run(package, *commands), strict=True))
    assert {command: code for command, (code, _) in answers.items() if code} == {}
    outputs = {command.split()[0]: out for command, (_, out) in reversed(answers.items())}
    rows = [(row["name"], row["parameters"], row["year"]) for row in json.loads(outputs["list"])]
    assert rows == [("blurnet2", 450, 2021), ("blurnet3", 1730, 2021)]
    assert json.loads(outputs["show"])["spec"] == {"widths": [4, 6, 8]}
    assert (package / "blueprint.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")
    edges = json.loads(outputs["evolution"])["lineage"]
    assert {"child": "blurnet", "parent": "lenet", "idea": "convolutions", "source": "Nobody 2021, §1"} in edges
    recipe = json.loads((package / "run" / "recipe.json").read_text(encoding="utf-8"))
    assert (recipe["optimizer"], recipe["lr"], recipe["weight_decay"]) == ("sgd", 0.1 * 32 / 128, 5e-4)
    assert (package / "run" / "metrics.json").is_file()
    assert list((package / "looks").glob("*.png"))
    assert "equal to the paper (paper's parameters, maps)" in outputs["verify"]


@pytest.mark.slow
def test_a_family_without_a_recipe_is_refused(package: Path) -> None:
    """What was silently wrong, SGD with 0.2 for whatever came, is an error where the family is written."""
    file = package / "convatlas" / "models" / "blurnet.py"
    try:
        file.write_text(FILE.replace('    suits=Suits("sgd", lr=0.1, weight_decay=5e-4),\n', ""), encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", "import convatlas.models"], capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONPATH": str(package)},
        )  # fmt: skip
    finally:
        file.write_text(FILE, encoding="utf-8")
    assert "TypeError: Family.__init__() missing 1 required keyword-only argument: 'suits'" in done.stderr
