"""Each example runs, and learns what it says."""

import importlib.util
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested_here():
    tested = Path(__file__).read_text(encoding="utf-8")
    assert not [path.stem for path in EXAMPLES.glob("*.py") if f'script("{path.stem}")' not in tested]


def test_moving_shapes_are_the_same_at_every_moment():
    """No frame tells the direction: over all clips each direction's frames are as bright in every place, but for chance."""
    import torch

    x, direction = script("video_lstm").clips(4000, torch.Generator().manual_seed(0))
    means = torch.stack([x[direction == d].mean((0, 1, 2)) for d in range(4)])
    assert (means.max(0).values - means.min(0).values).max() < 0.05


@pytest.mark.thorough
def test_an_lstm_sees_motion_that_an_average_does_not():
    found = script("video_lstm").main(["--clips", "320", "--epochs", "6"])
    assert found["encoder + LSTM"] > 0.6
    assert found["encoder + mean over frames"] < 0.4


@pytest.mark.thorough
def test_a_transformer_reads_digits():
    found = script("encoder_transformer").main(["--canvases", "1200", "--epochs", "6"])
    assert found["digits"] > 0.5


def test_photographs_of_two_kinds(tmp_path):
    chance = np.random.default_rng(0)
    for kind, low in (("dark", 0), ("light", 128)):
        (tmp_path / kind).mkdir()
        for i in range(8):
            pixels = chance.integers(low, low + 128, (40, 50, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{i}.png")
    import torch

    from convatlas.models import create_model

    torch.manual_seed(0)
    torch.save(create_model("squeezenet1_1").state_dict(), tmp_path / "mine.pth")
    right = script("photos_logistic").main(
        [str(tmp_path), "--network", "squeezenet1_1", "--weights", str(tmp_path / "mine.pth")]
    )
    assert right == 1
    with pytest.raises(SystemExit, match="no pictures"):
        script("photos_logistic").main([str(tmp_path / "dark" / "none")])


@pytest.mark.thorough
def test_ants_and_bees_by_logistic_regression(shared, tmp_path, capsys):
    with zipfile.ZipFile(shared / "hymenoptera.zip") as archive:
        archive.extractall(tmp_path)
    weights = shared / "weights" / "squeezenet1_1_imagenet.pth"
    right = script("photos_logistic").main(
        [str(tmp_path / "hymenoptera"), "--network", "squeezenet1_1", "--weights", str(weights)]
    )
    assert right > 0.85
    assert "of 153 others" in capsys.readouterr().out


def test_every_step_from_resnet_to_convnext_is_a_network():
    import torch

    module = script("resnet_to_convnext")
    x = torch.zeros(2, 3, 32, 32)
    counts = [sum(p.numel() for p in module.Net(step=step, width=8, depth=1).parameters()) for step in range(len(module.STEPS))]
    outputs = [module.Net(step=step, width=8, depth=1).eval()(x).shape for step in range(len(module.STEPS))]
    assert set(outputs) == {(2, 10)}
    same = [step for step in range(1, len(counts)) if counts[step] == counts[step - 1]]
    assert same == [5, 6, 8]  # other activations and another norm: as many parameters
