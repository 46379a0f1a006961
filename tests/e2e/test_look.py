"""`convatlas look` from an empty folder: a run, a fresh network, a weight file, photographs, and what cannot be looked at."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas import create_model
from convatlas.looks import BY_NAME


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A network that has seen some digits."""
    from convatlas.engine.record import Run
    from convatlas.recipes import default
    from convatlas.runs.training import start

    made = Run.create(
        tmp_path_factory.mktemp("runs") / "run",
        default("tinyvgg", "digits", limit=400, epochs=2, device="cpu", precision="32"),
    )
    for _ in start(made):
        pass
    return made.path


def photograph(path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)).save(path)
    return path


def pictures(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.png")}


def test_a_run_in_several_ways(say, run, tmp_path):
    said = say("look", run, "--what", "predictions,confusion", "curves", "--out", "seen")
    assert said.code == 0, said.all
    assert {"predictions", "confusion", "curves"} <= pictures(tmp_path / "seen")
    page = (tmp_path / "seen" / "index.html").read_text()
    assert page.count("<svg") == len(pictures(tmp_path / "seen"))
    assert "convatlas look" in page
    for name in pictures(tmp_path / "seen"):
        assert f'href="{name}.png"' in page
        assert f"seen/{name}.png" in said.out


@pytest.mark.thorough
def test_all_looks_of_a_run(say, run, tmp_path):
    said = say("look", run, "--out", "seen", "--json")
    assert said.code == 0, said.all
    found = json.loads(said.out)
    shown = {row["look"] for row in found["pictures"] if row["path"]}
    assert shown == set(BY_NAME) - {row["look"] for row in found["pictures"] if not row["path"]}
    assert shown >= set(BY_NAME) - {"errors"}
    for row in found["pictures"]:
        assert row["caption"]
        assert row["path"] is None or Path(row["path"]).stat().st_size > 2000


def test_a_fresh_network_is_shown_digits_and_has_no_curves(say, tmp_path):
    said = say("look", "lenet5", "--what", "filters,curves", "--out", "seen", "--theme", "dark", "--format", "svg")
    assert said.code == 0, said.all
    assert "untrained" in said.out
    assert re.search("curves skipped: .*run", said.out)
    assert "curves" in (tmp_path / "seen" / "index.html").read_text()
    assert (tmp_path / "seen" / "filters.svg").is_file()


def test_a_weight_file_with_its_set(say, tmp_path):
    torch.manual_seed(0)
    torch.save(create_model("tinyvgg", num_classes=10, in_channels=1, image_size=16).state_dict(), tmp_path / "mine.pth")
    said = say("look", "tinyvgg", "--weights", "mine.pth", "--data", "digits", "--what", "filters", "--out", "seen")
    assert said.code == 0, said.all
    assert "tinyvgg with mine.pth" in said.out


@pytest.mark.thorough
def test_photographs(say, tmp_path):
    torch.manual_seed(0)
    torch.save(create_model("squeezenet1_1").state_dict(), tmp_path / "squeezenet1_1.pth")
    words = "look", "squeezenet1_1", "--weights", "squeezenet1_1.pth", "--what", "saliency", "--method", "gradcam"
    said = say(*words, "--image", photograph(tmp_path / "a.png"), photograph(tmp_path / "b.png"), "--out", "seen")
    assert said.code == 0, said.all
    assert pictures(tmp_path / "seen")
    missing = say(*words, "--out", "seen")
    assert (missing.code, "--image" in missing.all) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["tinyvgg", "--what", "filtres"], "did you mean filters"),
        (["tinyvgg", "--what", "filters", "--layer", "conv_blok_1.0"], "did you mean conv_block_1.0"),
        (["tinyvgg", "--what", "curves"], "run"),
        (["tinyvgg", "--split", "testing"], "did you mean test"),
        (["tinyvgg", "--what", "filters", "--image", "none.png"], "none.png does not exist"),
        (["tinyvgg", "--what", "filters", "--format", "bmp"], "there are pdf, png, svg"),
        (["tinyvgg", "--what", "filters", "--theme", "sepia"], "there are dark, light, transparent"),
        (["tinyvg"], "did you mean tinyvgg"),
        (["tinyvgg", "--what", "saliency", "--target", "cat"], "cat"),
        (["tinyvgg", "--what", "saliency", "--method", "gradcamm"], "did you mean gradcam"),
        (["tinyvgg", "--what", "embedding", "--count", "5", "--perplexity", "5"], "--perplexity 1 does"),
        (["tinyvgg", "--what", "predictions", "--only", "bad"], "wrong"),
        (["tinyvgg", "--what", "gradients", "--steps", "few"], "steps needs a whole number of at least 1, got 'few'"),
        (["tinyvgg", "--what", "landscape", "--steps", "1"], "steps needs a whole number of at least 3, got '1'"),
        (["tinyvgg", "--what", "landscape", "--steps", "4"], "odd"),
        (["tinyvgg", "--what", "landscape", "--reach", "-1"], "reach needs a number above 0"),
        pytest.param(
            ["tinyvgg", "--what", "predictions", "--count", "-5"],
            "--count needs a whole number of at least 1, got '-5'",
            id="F20",
        ),
        pytest.param(
            ["tinyvgg", "--what", "embedding", "--seed", "-1"],
            "--seed needs a whole number of at least 0 and below 2^32",
            id="F21",
        ),
        pytest.param(
            ["tinyvgg", "--what", "saliency", "--seed", str(2**32)],
            "--seed needs a whole number of at least 0 and below 2^32",
            id="F21-high",
        ),
        (["tinyvgg", "--what", "filters", "--count", "0"], "count needs a whole number of at least 1"),
        (["tinyvgg", "--what", "features", "--at", "1,x"], "at needs a whole number of at least 0, got 'x'"),
        (["tinyvgg", "--what", "filters", "--perplexity", "5"], "unknown option of filters 'perplexity'"),
    ],
)
def test_what_cannot_be_looked_at_is_said(say, words, sentence):
    said = say("look", *words)
    assert said.code == 2, said.all
    assert sentence in said.all
    assert "Traceback" not in said.err


def test_an_image_that_is_none(say, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    said = say("look", "tinyvgg", "--what", "filters", "--image", "broken.png")
    assert said.code == 2
    assert "broken.png" in said.all
