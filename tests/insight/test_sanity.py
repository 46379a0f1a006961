"""The tests of saliency maps are tested on networks and maps whose worth is known."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from convatlas.errors import InputError
from convatlas.insight.saliency import saliency
from convatlas.insight.saliency_checks import curves, randomization, rank_correlation, weighted_modules
from convatlas.models import create_model


class Bright(nn.Module):
    """Two classes: probability 1/2 for each without the square in the middle, nearly 1 for class 0 with it."""

    def forward(self, x: Tensor) -> Tensor:
        bright = 10 * x[:, 0, 6:10, 6:10].mean((1, 2))
        return torch.stack([bright, torch.zeros_like(bright)], 1)


def test_a_perfect_map_falls_and_rises_at_once_and_its_opposite_at_last() -> None:
    x = torch.zeros(1, 1, 16, 16)
    x[..., 6:10, 6:10] = 1
    good = x[:, 0].numpy()
    told, fooled = (curves(Bright(), x, maps, [0], steps=16) for maps in (good, -good))
    assert told.pixels.tolist() == [i / 16 for i in range(17)]
    assert told.deletion[0, 0] == pytest.approx(1, abs=1e-4)
    assert np.allclose(told.deletion[0, 1:], 0.5)  # 16 of 256 pixels are all that matters
    assert told.insertion[0, 0] < told.insertion[0, 1] == pytest.approx(1, abs=1e-4)
    assert np.allclose(fooled.deletion[0, :-1], 1, atol=1e-4)
    assert told.deletion_area[0] == pytest.approx(0.5 + 0.5 / 32, abs=1e-3)
    assert told.deletion_area < fooled.deletion_area
    assert told.insertion_area > fooled.insertion_area
    with pytest.raises(InputError, match=r"need maps of shape \(1, 16, 16\)"):
        curves(Bright(), x, good[:, :8], [0])


def test_rank_correlation_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (2, 9, 9)).astype(np.float32)
    assert rank_correlation(a, b) == pytest.approx(spearmanr(a.ravel(), b.ravel()).statistic, abs=1e-12)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert rank_correlation(a, np.zeros_like(a)) == 0


def test_randomizing_starts_at_the_head_and_leaves_the_model_alone() -> None:
    torch.manual_seed(0)
    model = create_model("resnet20", num_classes=10, image_size=32).train()
    x = torch.randn(2, 3, 32, 32)
    order = weighted_modules(model, (3, 32, 32))
    assert (order[0], order[-1]) == ("fc", "conv1")
    before = {key: value.clone() for key, value in model.state_dict().items()}
    original = saliency(model, x, "gradcam", target=[3, 7])
    found = randomization(model, x, original, depths=4)
    again = randomization(model, x, original, depths=4)
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(m.training for m in model.modules())
    assert np.array_equal(found.correlation, again.correlation)
    assert found.layers[0] == "fc"
    assert found.layers[-1] == "conv1"
    assert found.depth[[0, -1]].tolist() == [0, 1]
    assert found.correlation.shape == (2, len(found.depth))
    assert np.all(found.correlation[:, 0] == 1)
    assert np.abs(found.correlation[:, -1]).max() < 0.9


def test_a_map_that_knows_nothing_of_the_network_stays_as_it_is() -> None:
    """All weights are one, of which shuffling makes the same."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(16, 2, bias=False))
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(1)
    x = torch.rand(1, 1, 8, 8)
    found = randomization(model, x, saliency(model, x, "gradcam", layer="0", target=0))
    assert np.allclose(found.correlation, 1)
