"""The smallest network of every family learns: small photographs with its default recipe, a few digits by heart."""

from dataclasses import replace
from itertools import islice
from statistics import mean

import numpy as np
import pytest
from catalogue import slim
from selection import SMALLEST, networks
from torch import nn
from torch.optim import AdamW

from convatlas.data import Batches, Feed, load
from convatlas.engine.events import Step
from convatlas.engine.record import Run
from convatlas.engine.task import total
from convatlas.engine.tasks.classify import plain_loss
from convatlas.models import create_model, variant
from convatlas.ops.droppath import DropPath
from convatlas.recipes import default
from convatlas.runs.build import open_data
from convatlas.runs.training import check, start

IMAGES, BATCH, WINDOW = 2000, 40, 10
WIDE = ("alexnet_2012", "zfnet")  # 64 hidden units would learn too slowly
HEAVY = {
    "alexnet_2012",
    "resnext29_32x4d",
    "efficientnet_lite0",
    "mnasnet0_5",
    "mobilenet_v2",
    "googlenet",
    "inception_v3",
    "maxvit_t",
    "efficientnet_v2_s",
    "regnet_y_400mf",
    "zfnet",
}  # what takes seconds to learn is taught before a release alone
PHOTOGRAPHED = ("tinyvgg",)


@pytest.fixture(scope="module")
def photographs(cifar10, tmp_path_factory):
    """CIFAR-10's first training images as a file."""
    path = tmp_path_factory.mktemp("data") / "photographs.npz"
    images, labels = cifar10("train", IMAGES)
    np.savez(path, x_train=images, y_train=labels, x_test=images[:10], y_test=labels[:10])  # the last two are not looked at
    return str(path)


def losses(name, folder, data):
    """Of each step at one rate all the way, since so few steps are too few for a cycle to its highest."""
    usual = default(name, data, batch_size=BATCH)
    lr = usual.lr / (5 if usual.optimizer == "sgd" else 2)
    recipe = replace(
        usual, lr=lr, schedule="constant", val_share=0.0, epochs=1, image_size=variant(name).native.fitting_size(32)
    )
    opened = open_data(recipe)
    check(recipe, opened)
    events = start(Run.create(folder / "run", recipe), opened)
    steps = len(opened.train) // BATCH
    return (step.loss.item() for step in islice((event for event in events if isinstance(event, Step)), steps))


@pytest.mark.parametrize("name", networks(SMALLEST, (), PHOTOGRAPHED))
def test_the_loss_falls_within_an_epoch_of_photographs(name, photographs, tmp_path):
    """To 95 % before its end, or at all at its end."""
    found = []
    for loss in losses(name, tmp_path, photographs):
        found.append(loss)
        if len(found) >= 2 * WINDOW and mean(found[-WINDOW:]) < 0.95 * mean(found[:WINDOW]):
            return
    assert len(found) == IMAGES // BATCH
    assert mean(found[-WINDOW:]) < mean(found[:WINDOW])


@pytest.mark.parametrize("name", networks(SMALLEST, (), set(SMALLEST) - HEAVY))
def test_a_batch_of_digits_is_learned(name):
    """The same eight images twelve times, nothing dropped: the loss that is left to fall depends on no chance."""
    data = load("digits")
    x, y = next(
        iter(Batches(data.train, Feed(8, variant(name).native.fitting_size(max(data.size)), data.mean, data.std)).epoch())
    )
    narrow = {} if name in WIDE else slim(name)
    model = create_model(name, num_classes=10, in_channels=1, image_size=x.shape[2], **narrow).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout | DropPath):
            module.eval()
    usual = default(name, "digits")
    optimizer = AdamW(model.parameters(), lr=usual.lr / 4 if usual.optimizer == "adamw" else 1e-3)
    found = []
    for _ in range(12):
        loss = total(plain_loss(model, x, y))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert mean(found[-3:]) < 0.98 * found[0], found
