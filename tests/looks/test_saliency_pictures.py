"""Pictures of saliency of a small network that has learned nothing: what is said, and what is refused."""

import numpy as np
import pytest
import torch

from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight.subject import Subject
from convatlas.looks import draw_look
from convatlas.looks.draw.saliency import network_pixels, probability_text
from convatlas.models import create_model

CLASSES = ("zero", "one", "two")


@pytest.fixture
def subject():
    torch.manual_seed(0)
    model = create_model("lenet5", num_classes=3, in_channels=1, image_size=32).eval()
    pixels = torch.randint(0, 256, (6, 1, 28, 28), dtype=torch.uint8)
    images = Resident(pixels, torch.tensor([0, 1, 2, 0, 1, -1]))
    return Subject("lenet5", "lenet5, noise", model, lambda: model, "fc", "conv", CLASSES, images, 32, (0.2,), (0.3,))


def test_a_look_gives_the_sheet_and_its_tests(subject):
    sheet, tested = draw_look(subject, "saliency", count=3, method=("gradcam", "integrated-gradients"))
    assert (sheet.name, tested.name) == ("saliency", "saliency-sanity")
    assert "act_1" in sheet.caption
    assert "99.5th percentile" in sheet.caption
    assert len(sheet.figure.axes[0].images) == 3 * 3 + 1
    assert len(next(draw_look(subject, "saliency")).figure.axes[0].images) == 5 * 5 + 1
    assert "mean of 3 images" in tested.caption
    assert len(tested.figure.axes) == 3
    curve = tested.figure.axes[0].lines[0].get_ydata()
    start = torch.softmax(subject.model(subject.x(subject.evenly(3))), 1).max(1).values.mean().item()
    assert curve[0] == pytest.approx(start, abs=1e-5)


def test_layers_methods_target_and_places_are_as_asked(subject):
    options = {"layer": ("act", "act_1"), "method": ("layercam", "gradient"), "target": "two", "at": (5, 1), "sanity": False}
    [sheet] = draw_look(subject, "saliency", **options)
    words = [text.get_text() for text in sheet.figure.axes[0].texts]
    assert [w for w in words if w.startswith("at ") or w == "of the pixels"] == ["at act", "at act_1", "of the pixels"]
    assert "the class two" in sheet.caption
    first = subject.model(subject.x([5])).softmax(1)[0].detach()
    top = int(first.argmax())
    assert any(w.startswith(CLASSES[top]) for w in words), "the unlabeled image has neither ✓ nor ✗"
    if top != 2:
        assert f"explained: two {probability_text(float(first[2]))}" in words


def test_images_are_shown_as_the_network_sees_them(subject):
    [image] = network_pixels(subject, subject.x([0]))
    assert image.shape == (32, 32, 1)
    again = (image.astype(np.float32) / 255 - 0.2) / 0.3
    assert np.allclose(again[..., 0], subject.x([0])[0, 0].numpy(), atol=0.01)


def test_probabilities_are_neither_rounded_to_sure_nor_to_impossible():
    assert [probability_text(p) for p in (0, 0.001, 0.5, 0.994, 0.9951, 0.99999, 1)] == [
        "0 %",
        "< 1 %",
        "50 %",
        "99 %",
        "99.5 %",
        "99.9 %",
        "100 %",
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "grad-cam"}, "unknown method 'grad-cam': did you mean gradcam"),
        ({"method": "gradient", "layer": "act_1"}, "layer needs a method that uses one: to look at act_1 add gradcam"),
        ({"at": (6,)}, "images have the places 0 to 5, got 6"),
        ({"target": "four"}, "four"),
        ({"layer": "act_9"}, "unknown layer 'act_9': did you mean act_"),
        ({"layer": "fc"}, "no spatial extent|unknown layer"),
    ],
)
def test_what_cannot_be_shown_is_said(subject, options, words):
    with pytest.raises(InputError, match=words):
        next(draw_look(subject, "saliency", **options))
