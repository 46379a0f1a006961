"""The smallest network of every family learns from small photographs with its default recipe."""

from dataclasses import replace
from itertools import islice
from statistics import mean

import numpy as np
import pytest

from convatlas import catalog
from convatlas.engine.events import Step
from convatlas.engine.record import Run
from convatlas.models import FAMILIES, built_for
from convatlas.recipes import default
from convatlas.studies.run import check, open_data, start

SMALLEST = [min(family.variants, key=lambda name: catalog.ROWS[name].parameters) for family in FAMILIES]
IMAGES, BATCH = 2000, 40


@pytest.fixture(scope="module")
def photographs(cifar10, tmp_path_factory):
    """CIFAR-10's first training images as a file."""
    path = tmp_path_factory.mktemp("data") / "photographs.npz"
    images, labels = cifar10("train", IMAGES)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])  # the last two are not looked at
    return str(path)


def losses(name, folder, data, **changes):
    """Of each step of a short epoch: a fifth of the default rate all the way, since forty steps are too few for a cycle."""
    usual = default(name, data, batch_size=BATCH)
    recipe = replace(usual, epochs=1, lr=usual.lr / 5, schedule="constant", val_share=0.0, **changes)
    opened = open_data(recipe)
    check(recipe, opened)
    events = start(Run.create(folder / "run", recipe), opened)
    steps = len(opened.train) // BATCH
    return steps, [step.loss.item() for step in islice((event for event in events if isinstance(event, Step)), steps)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_the_loss_falls_on_photographs(name, photographs, tmp_path):
    steps, found = losses(name, tmp_path, photographs, image_size=built_for(name, 32))
    assert len(found) == steps == IMAGES // BATCH
    assert mean(found[-10:]) < mean(found[:10])
    assert mean(found[-10:]) < np.log(10)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_the_loss_falls_on_digits(name, tmp_path):
    steps, found = losses(name, tmp_path, "digits", limit=900)
    assert len(found) == steps > 10
    assert mean(found[-4:]) < mean(found[:4])
