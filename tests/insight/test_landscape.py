"""The landscape has the network in its middle, its steps are as long as the filters, and the network never moves."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convatlas.engine.evaluate import evaluate
from convatlas.engine.tasks.classify import ClassMeter
from convatlas.errors import InputError
from convatlas.insight.landscape import direction, landscape
from convatlas.models import create_model


def meter() -> ClassMeter:
    return ClassMeter("abcd")


def scene() -> tuple[nn.Module, list[tuple[Tensor, Tensor]]]:
    torch.manual_seed(0)
    model = create_model("tinyvgg", num_classes=4, image_size=32)
    x, y = torch.randn(24, 3, 32, 32), torch.arange(24) % 4
    return model, list(zip(x.split(10), y.split(10), strict=True))


def test_the_middle_is_the_loss_of_the_network_and_the_network_stays() -> None:
    model, batches = scene()
    model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    heard: list[tuple[int, int]] = []
    found = landscape(model, lambda: batches, meter, steps=3, seed=5, progress=lambda *done: heard.append(done))
    expected = evaluate(model, batches, meter())
    assert found.center == pytest.approx(expected.figures["loss"], rel=1e-5)
    assert found.accuracy[1, 1] == pytest.approx(expected.figures["accuracy"])
    assert found.images == 24
    assert heard[-1] == (9, 9)
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    again = landscape(model, lambda: batches, meter, steps=3, seed=5)
    other = landscape(model, lambda: batches, meter, steps=3, seed=6)
    assert np.array_equal(again.loss, found.loss)
    assert not np.array_equal(other.loss, found.loss)


def test_the_corner_is_the_network_moved_along_both_directions() -> None:
    model, batches = scene()
    found = landscape(model, lambda: batches, meter, reach=0.7, steps=3, seed=1)
    first, second = direction(model, 2), direction(model, 3)
    with torch.no_grad():
        for name in first:
            model.get_parameter(name).add_(0.7 * first[name] - 0.7 * second[name])
    assert found.loss[0, 2] == pytest.approx(evaluate(model, batches, meter()).figures["loss"], rel=1e-4)


def test_noise_is_as_long_as_each_filter_and_norms_and_biases_stay() -> None:
    model = create_model("resnet20", num_classes=10, image_size=32)
    found = direction(model, 0)
    assert set(found) == {name for name, p in model.named_parameters() if p.ndim > 1}
    for name, noise in found.items():
        own = model.get_parameter(name).detach()
        assert torch.allclose(noise.flatten(1).norm(dim=1), own.flatten(1).norm(dim=1), rtol=1e-4)


def test_scaling_a_filter_scales_its_direction() -> None:
    model = nn.Linear(6, 2)
    before = direction(model, 0)["weight"]
    with torch.no_grad():
        model.weight[1] *= 10
    after = direction(model, 0)["weight"]
    assert torch.allclose(after[1], 10 * before[1])
    assert torch.equal(after[0], before[0])


@pytest.mark.parametrize(("steps", "reach"), [(4, 1.0), (1, 1.0), (3, 0.0), (3, float("nan"))])
def test_grids_without_a_middle_are_refused(steps: int, reach: float) -> None:
    model, batches = scene()
    with pytest.raises(InputError):
        landscape(model, lambda: batches, meter, steps=steps, reach=reach)


def test_no_images_no_landscape() -> None:
    with pytest.raises(InputError, match="images"):
        landscape(scene()[0], list, meter, steps=3)
