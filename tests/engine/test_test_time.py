"""Test-time augmentation in closed form."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from convatlas.engine.evaluate import evaluate
from convatlas.engine.recipe import VIEWS
from convatlas.engine.tasks.classify import CLASSIFY, ClassMeter
from convatlas.engine.test_time import WAYS, look_through
from convatlas.engine.test_time import with_views as averaged_by
from convatlas.errors import InputError


def averaged(model: nn.Module, tta: str) -> nn.Module:
    return averaged_by(model, tta, CLASSIFY.join)


def views_of(tta: str, x: Tensor) -> list[Tensor]:
    return [look_through(view, x) for view in WAYS[tta]]


def linear(side: int = 16) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 5))


def images(n: int = 4, side: int = 16) -> Tensor:
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_no_views_is_the_network_itself() -> None:
    model = linear()
    assert averaged(model, "none") is model


def test_unknown_views_are_refused_by_name() -> None:
    with pytest.raises(InputError, match="tta"):
        averaged(linear(), "flop")


def test_flip_is_the_mean_of_the_image_and_its_mirror_image() -> None:
    model, x = linear(), images()
    mean = (model(x).softmax(1) + model(x.flip(3)).softmax(1)) / 2
    told = averaged(model, "flip")(x)
    torch.testing.assert_close(told.exp(), mean)
    torch.testing.assert_close(told.exp().sum(1), torch.ones(4))
    torch.testing.assert_close(averaged(model, "flip")(x.flip(3)), told)


def test_ten_are_five_windows_of_seven_eighths_and_their_mirror_images() -> None:
    model, x = linear(), images()
    corners = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    windows = [interpolate(x[:, :, i : i + 14, j : j + 14], size=16, mode="bilinear") for i, j in corners]
    mean = sum(model(view).softmax(1) for window in windows for view in (window, window.flip(3))) / 10
    torch.testing.assert_close(averaged(model, "ten")(x).exp(), mean)
    assert len(views_of("ten", x)) == 10
    assert all(view.shape == x.shape for view in views_of("ten", x))


def test_a_window_is_7_8_of_the_side_in_its_place() -> None:
    """On a ramp, an enlarged window is a flatter ramp that begins where the window does."""
    ramp = torch.arange(224.0).expand(1, 1, 224, 224)
    for place, view in enumerate(views_of("ten", ramp)):
        row = view[0, 0, 0] if place % 2 == 0 else view[0, 0, 0].flip(0)
        first = (0, 28, 0, 28, 14)[place // 2]
        torch.testing.assert_close(row[112] - row[111], torch.tensor(7 / 8), atol=1e-3, rtol=0)
        assert (row[0], row[-1]) == (first, first + 195)


@pytest.mark.parametrize("tta", WAYS)
def test_views_of_a_flat_image_are_that_image(tta: str) -> None:
    flat = torch.full((1, 3, 9, 11), 0.25)
    for view in views_of(tta, flat):
        torch.testing.assert_close(view, flat)


@pytest.mark.parametrize("mode", [True, False])
@pytest.mark.parametrize("tta", [name for name in VIEWS if name != "none"])
def test_the_network_is_asked_in_evaluation_mode_and_left_in_its_own(tta: str, mode: bool) -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout(0.9), linear()).train(mode)
    model[0].eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    told = averaged(model, tta)
    x = images()
    assert not told.training
    assert torch.equal(told(x), told(x))
    evaluate(told, [(x, torch.arange(4))], ClassMeter(range(5)))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_confident_network_gives_finite_numbers() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 8 * 8, 3, bias=False))
    with torch.no_grad():
        model[1].weight.mul_(1e4)
    told = averaged(model, "ten")(torch.randn(6, 2, 8, 8))
    assert told.isfinite().all()
    torch.testing.assert_close(told.exp().sum(1), torch.ones(6))
