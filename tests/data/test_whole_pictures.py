"""Whole pictures on black instead of their square middle, in memory and streamed, in training and afterwards."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas.data import Augment, Batches, Feed, Resident, load
from convatlas.data.picture import whole
from convatlas.engine.recipe import Recipe
from convatlas.engine.record import Run
from convatlas.errors import InputError
from convatlas.runs.finetuning import plan_tuning
from convatlas.runs.images import open_images
from convatlas.runs.network import NetworkRequest, open_network
from convatlas.runs.preparation import Preparation, preparation_of_weights
from convatlas.runs.training import start

Maker = Callable[..., Path]


@pytest.fixture
def wide(pictures: Maker) -> Path:
    """Pictures three times as wide as high, in three parts."""
    return pictures(*(f"{part}/{label}" for part in ("train", "val", "test") for label in "ab"), count=6, w=48, h=16)


def test_all_of_a_picture_is_seen_on_black(wide: Path) -> None:
    data = load(str(wide), image_size=12, fit="contain")
    assert isinstance(data.val, Resident)
    assert np.array_equal(data.val.x[0].numpy(), whole(wide / "val" / "a" / "0.png", 3, 12).pixels)
    assert data.val.x[:, :, :4].float().std() > 0
    assert not data.val.x[:, :, 4:].any()


def test_in_memory_and_streamed_are_the_same(wide: Path) -> None:
    held, streamed = (load(str(wide), image_size=12, fit="contain", resident_share=share) for share in (0.25, 0.0))
    assert (held.mean, held.std) == (streamed.mean, streamed.std)
    feed = Feed(4, 12, held.mean, held.std, Augment(flip=True, zoom=0.35), shuffle=True, fit="contain", workers=0)
    for one, other in ((held.train, streamed.train), (held.val, streamed.val)):
        assert one is not None
        assert other is not None
        for plain in (feed, replace(feed, augment=None), replace(feed, augment=None, fit="cover")):
            pairs = zip(Batches(one, plain).epoch(1), Batches(other, plain).epoch(1), strict=True)
            assert all(torch.equal(a, b) for first, second in pairs for a, b in zip(first, second, strict=True))
        assert torch.equal(one.pixels(torch.arange(4)), other.pixels(torch.arange(4)))


def test_a_run_remembers_how_it_saw_its_images(wide: Path, tmp_path: Path) -> None:
    quick = {"epochs": 1, "batch_size": 6, "device": "cpu", "precision": "32", "image_size": 32}
    run = Run.create(tmp_path / "run", Recipe(model="lenet5", data=str(wide), fit="contain", white=4095, **quick))
    list(start(run))
    network = open_network(NetworkRequest(str(run.path)))
    assert (network.preparation.fit, network.preparation.white) == ("contain", 4095)
    assert "whole images in 32x32 pixels, on black" in network.note
    files = sorted((wide / "test").rglob("*.png"))
    probability = network.logits(torch.stack([network.read(path) for path in files])).softmax(1).max(1).values
    torch.testing.assert_close(probability, run.predictions()["test_probability"], atol=1e-5, rtol=0)
    images = open_images(str(wide), "test", network).images
    assert torch.equal(images.pixels(torch.arange(len(files))), torch.stack([network.read(path) for path in files]))
    plan = plan_tuning("lenet5", str(run.path), str(wide), quick)[0]
    assert (plan.fit, plan.white) == ("contain", 4095)
    with pytest.raises(InputError, match="leave --data --mean --std --fit --white --classes out"):
        open_network(NetworkRequest(str(run.path), fit="cover"))


def test_published_weights_may_see_whole_pictures(tmp_path: Path) -> None:
    Image.new("RGB", (300, 100), "white").save(tmp_path / "x.png")
    framed = preparation_of_weights("mobilenet_v2", "default")
    assert framed.adapt(None, None) == framed
    seen = framed.adapt("contain", None)
    assert (seen.frame, seen.side, seen.mean) == (None, 224, framed.mean)
    pixels = seen.read(tmp_path / "x.png")
    assert pixels[:, :75].min() == 255
    assert pixels[:, 75:].max() == 0
    again = Preparation.from_json(seen.to_json(), "mobilenet_v2")
    assert again == seen
    assert {"fit", "white"}.isdisjoint(framed.to_json())  # the fingerprints of earlier indexes hold


@pytest.mark.parametrize(
    ("fit", "white", "words"),
    [("containn", None, "'containn': did you mean contain"), (None, 0, "white needs to be a level from 1 to 65535, got 0")],
)
def test_other_ways_are_unknown(fit: str | None, white: int | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Preparation(3, 8, 8, (0.5,) * 3, (0.5,) * 3).adapt(fit, white)


@pytest.mark.parametrize(
    ("mean", "std", "words"),
    [
        ((123.7, 116.3, 103.5), None, "mean is that of pixels from 0 to 1, got 123.7,116.3,103.5.*: give 0.4851,0.4561,0.4059"),
        (None, (58.4, 57.1, 57.4), "std is that of pixels from 0 to 1, .*: give 0.229,0.2239,0.2251"),
    ],
    ids=["F41-mean", "F41-std"],
)
def test_numbers_of_bytes_are_no_mean(mean: tuple[float, ...] | None, std: tuple[float, ...] | None, words: str) -> None:
    with pytest.raises(InputError, match=words):
        preparation_of_weights("mobilenet_v2", "default", mean=mean, std=std)
