"""Every family can be looked at in every way: drawn, legible, nothing empty, nothing changed."""

import re
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from legible import assert_legible
from selection import SMALLEST, networks

from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight.subject import Subject
from convatlas.looks import BY_NAME, draw_look
from convatlas.models import create_model, variant

sys.path.append(str(Path(__file__).resolve().parents[1] / "contract"))
from catalogue import slim

OPTIONS = {
    "gradients": {"steps": 1, "batch": 4},
    "landscape": {"steps": 3},
    "embedding": {"method": "pca"},
    "saliency": {"method": "gradcam", "at": (0,), "sanity": False},
}
QUICK, SLOW = ("lenet5",), ("resnet20",)
FAMILIES = networks(dict.fromkeys([*SMALLEST, *QUICK]), QUICK, SLOW)


def small(name):
    native = variant(name).native
    torch.manual_seed(0)
    model = create_model(name, num_classes=3, image_size=native.smallest, in_channels=native.in_channels, **slim(name)).eval()
    pixels = torch.randint(0, 256, (8, native.in_channels, native.smallest, native.smallest), dtype=torch.uint8)
    family = variant(name).family
    return Subject(
        name, f"{name}, noise", model, lambda: deepcopy(model), family.heads[0], family.stem, ("a", "b", "c"),
        Resident(pixels, torch.arange(8) % 3), native.smallest, (0.5,) * native.in_channels, (0.25,) * native.in_channels,
    )  # fmt: skip


def on_page(text):
    """Labels of ticks outside an axis's limits are never drawn."""
    if text.get_figure() is None:
        return False
    for axes in text.figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if text in (tick.label1, tick.label2):
                    low, high = sorted(axis.get_view_interval())
                    return low <= tick.get_loc() <= high
    return True


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_looked_into(name):
    seen = small(name)
    before = {key: value.clone() for key, value in seen.model.state_dict().items()}
    for what in BY_NAME.keys() - {"curves"}:  # they need a run
        for picture in draw_look(seen, what, **OPTIONS.get(what, {})):
            assert_legible(picture.figure, drawn=on_page)
            assert all(axes.has_data() or axes.images for axes in picture.figure.axes), "an empty panel"
            assert picture.caption.endswith(".")
            assert not re.search(r"\b(nan|inf)\b", picture.caption)
    assert not seen.model.training
    assert all(p.grad is None and p.requires_grad for p in seen.model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in seen.model.state_dict().items())


def test_the_caption_of_filters_counts_what_is_left_out():
    (picture,) = draw_look(small("resnet20"), "filters", layer="layer1.0.conv1", count=10)
    assert picture.name == "filters-layer1.0.conv1"
    assert "10 kernels between one input and one output" in picture.caption
    assert "the 246 with smaller norms are omitted" in picture.caption


@pytest.mark.slow
def test_options_choose_images_layers_and_networks_to_compare_with():
    seen = small("resnet20")
    found = list(draw_look(seen, "features", at=(1, 3), layer="layer2.0", count=3))
    assert [picture.name for picture in found] == ["features-1", "features-3"]
    (beside,) = draw_look(seen, "gradients", against="plain56", steps="2", batch=4)
    assert_legible(beside.figure, drawn=on_page)
    assert beside.title == "Gradient flow of resnet20 and plain56"
    with pytest.raises(InputError, match="did you mean plain20"):
        next(draw_look(seen, "gradients", against="plain2"))
    with pytest.raises(InputError, match="places 0 to 7"):
        next(draw_look(seen, "features", at=(8,)))
    with pytest.raises(InputError, match="steps needs a whole number"):
        next(draw_look(seen, "gradients", steps="many"))
    with pytest.raises(InputError, match="at most 2 networks"):
        next(draw_look(seen, "gradients", against=("plain20", "plain32", "plain56")))
    (part,) = draw_look(seen, "dead", layer="layer2")
    assert np.isfinite(part.figure.get_size_inches()).all()
    with pytest.raises(InputError, match="unknown layer with an activation"):
        next(draw_look(seen, "dead", layer="layer7"))
