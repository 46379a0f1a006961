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
    """Of each step at one rate all the way, since so few steps are too few for a cycle to its highest."""
    usual = default(name, data, batch_size=BATCH)
    lr = usual.lr / (5 if usual.optimizer == "sgd" else 2)
    recipe = replace(usual, lr=lr, schedule="constant", val_share=0.0, **changes)
    opened = open_data(recipe)
    check(recipe, opened)
    events = start(Run.create(folder / "run", recipe), opened)
    steps = len(opened.train) // BATCH * recipe.epochs
    return [step.loss.item() for step in islice((event for event in events if isinstance(event, Step)), steps)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_the_loss_falls_within_an_epoch_of_photographs(name, photographs, tmp_path):
    found = losses(name, tmp_path, photographs, epochs=1, image_size=built_for(name, 32))
    assert len(found) == IMAGES // BATCH
    assert mean(found[-10:]) < mean(found[:10])


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALLEST)
def test_a_batch_of_digits_is_learnt(name, tmp_path):
    found = losses(name, tmp_path, "digits", epochs=12, limit=50)
    assert len(found) == 12
    assert mean(found[-3:]) < mean(found[:3])
