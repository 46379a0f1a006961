"""Embedding and landscape of a subject: every picture says what it shows, and what cannot be shown is said before."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight.embedding import image_features
from convatlas.insight.subject import Subject
from convatlas.looks import draw_look
from convatlas.models import create_model


def subject(n: int = 60) -> Subject:
    torch.manual_seed(0)
    labels = torch.arange(n) % 3
    x = (torch.rand(n, 1, 32, 32) * 80 + 70 * labels[:, None, None, None]).byte()

    def fresh() -> nn.Module:
        return create_model("tinyvgg", num_classes=3, in_channels=1, image_size=32)

    return Subject(
        "tinyvgg", "tinyvgg, noise", fresh().eval(), fresh, "classifier.1", "conv_block_1.0", ("dark", "gray", "light"),
        Resident(x, labels), 32, (0.5,), (0.25,),
    )  # fmt: skip


def test_vectors_and_predictions_belong_to_the_places_asked() -> None:
    scene = subject()
    seen, few = image_features(scene, range(60)), image_features(scene, [50, 7])
    assert np.allclose(few.vectors, seen.vectors[[50, 7]], atol=1e-5)
    assert few.labels.tolist() == [50 % 3, 7 % 3]
    with torch.no_grad():
        assert seen.predicted.tolist() == scene.model(scene.x(range(60))).argmax(1).tolist()


def test_a_picture_a_layer_and_method_with_its_page() -> None:
    options = {"layer": ("penultimate", "conv_block_1"), "method": ("pca", "tsne"), "perplexity": 5}
    found = list(draw_look(subject(), "embedding", **options))
    assert [p.name for p in found] == [
        "embedding-pca", "embedding-tsne", "embedding-pca-conv_block_1", "embedding-tsne-conv_block_1",
    ]  # fmt: skip
    for picture in found:
        assert "60 images" in picture.caption
        assert "Trustworthiness 0." in picture.caption or "Trustworthiness 1." in picture.caption
        assert "colored by class" in picture.caption
        assert picture.html
        assert picture.figure.axes
    assert "perplexity 5" in found[1].caption


def test_unknown_classes_are_predicted_and_said() -> None:
    scene = subject()
    scene = replace(scene, images=Resident(scene.pixels(range(60)), torch.full((60,), -1)))
    [picture] = draw_look(scene, "embedding", method="pca")
    assert "predicted class, since the true ones are not known" in picture.caption


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at": range(0, 60, 3), "perplexity": 20}, "more images"),
        ({"at": range(0, 60, 3), "method": "pca"}, "of one"),
        ({"at": (0, 60), "method": "pca"}, "places 0 to 59, got 0, 60"),
        ({"method": "pac"}, "did you mean pca"),
        ({"count": 20, "perplexity": 20}, "20 images: --perplexity 6 does"),
        ({"perplexity": "many"}, "--perplexity needs a number of at least 1, got 'many'"),
        ({"method": "pca", "layer": "conv_block_7"}, "did you mean conv_block"),
    ],
)
def test_what_cannot_be_embedded_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        next(draw_look(subject(), "embedding", **options))


def test_a_landscape_says_images_grid_and_seeds() -> None:
    [picture] = draw_look(subject(), "landscape", count=20, seed=4, steps=3, reach="0.5")
    for words in ("20 images", "3 × 3", "seeds 8 and 9", "loss"):
        assert words in picture.caption
    assert picture.figure.axes[0].get_xlim() == (-0.5, 0.5)


@pytest.mark.parametrize("options", [{"steps": "few"}, {"steps": 2}, {"steps": 4}, {"reach": "-1"}])
def test_a_landscape_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        next(draw_look(subject(), "landscape", **options))


def test_a_landscape_needs_classes() -> None:
    scene = subject()
    with pytest.raises(InputError, match="classes are known"):
        next(draw_look(replace(scene, images=Resident(scene.pixels([0]), torch.tensor([-1]))), "landscape"))
