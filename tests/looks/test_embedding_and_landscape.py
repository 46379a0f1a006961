"""Embedding and landscape of a subject: every picture says what it shows, and what cannot be shown is said before."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from convatlas.data import Resident
from convatlas.errors import InputError
from convatlas.insight.embedding import see
from convatlas.insight.subject import Subject
from convatlas.looks import embedding, landscape
from convatlas.looks.picture import LookOptions
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
    seen, few = see(scene, range(60)), see(scene, [50, 7])
    assert np.allclose(few.vectors, seen.vectors[[50, 7]], atol=1e-5)
    assert few.labels.tolist() == [50 % 3, 7 % 3]
    with torch.no_grad():
        assert seen.predicted.tolist() == scene.model(scene.x(range(60))).argmax(1).tolist()


def test_a_picture_a_layer_and_method_with_its_page() -> None:
    wish = LookOptions(layers=("penultimate", "conv_block_1"), methods=("pca", "tsne"), options={"perplexity": "5"})
    found = list(embedding.pictures(subject(), wish))
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
    [picture] = embedding.pictures(scene, LookOptions(methods=("pca",)))
    assert "predicted class, since the true ones are not known" in picture.caption


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        (LookOptions(places=tuple(range(0, 60, 3))), "more images"),
        (LookOptions(places=tuple(range(0, 60, 3)), methods=("pca",)), "of one"),
        (LookOptions(methods=("pac",)), "did you mean pca"),
        (LookOptions(count=20), "20 images"),
        (LookOptions(options={"perplexity": "many"}), "number"),
        (LookOptions(methods=("pca",), layers=("conv_block_7",)), "did you mean conv_block"),
    ],
)
def test_what_cannot_be_embedded_is_said(wish: LookOptions, words: str) -> None:
    with pytest.raises(InputError, match=words):
        next(embedding.pictures(subject(), wish))


def test_a_landscape_says_images_grid_and_seeds() -> None:
    [picture] = landscape.pictures(subject(), LookOptions(count=20, seed=4, options={"steps": 3, "reach": "0.5"}))
    for words in ("20 images", "3 × 3", "seeds 8 and 9", "loss"):
        assert words in picture.caption
    assert picture.figure.axes[0].get_xlim() == (-0.5, 0.5)


@pytest.mark.parametrize("option", [{"steps": "few"}, {"steps": 2}, {"reach": "-1"}])
def test_a_landscape_that_cannot_be_is_refused(option: dict[str, object]) -> None:
    with pytest.raises(InputError):
        next(landscape.pictures(subject(), LookOptions(options=option)))


def test_a_landscape_needs_classes() -> None:
    scene = subject()
    with pytest.raises(InputError, match="classes are known"):
        next(landscape.pictures(replace(scene, images=Resident(scene.pixels([0]), torch.tensor([-1]))), LookOptions()))
