"""Published CIFAR-10 weights give the published accuracy, to the last of 10,000 images."""

import io
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from convatlas.models import create_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's: these weights were trained with them


@pytest.fixture(scope="module")
def cifar10_test(shared):
    """Sheets of 25 rows with 40 images each → normalized (10000, 3, 32, 32) and labels."""
    with zipfile.ZipFile(shared / "CIFAR10" / "cifar10-test.zip") as archive:
        names = sorted(archive.namelist())
        sheets = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names if name.endswith(".webp")]
        labels = np.load(io.BytesIO(archive.read(next(name for name in names if name.endswith("labels.npy")))))
    tiles = [np.asarray(sheet).reshape(25, 32, 40, 32, 3).swapaxes(1, 2).reshape(-1, 32, 32, 3) for sheet in sheets]
    x = torch.from_numpy(np.concatenate(tiles)).permute(0, 3, 1, 2) / 255
    return (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1), torch.from_numpy(labels.astype(np.int64))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "right"), [("resnet20", 9173), ("resnet56", 9339)])
def test_published_accuracy(name, right, shared, cifar10_test):
    model = create_model(name, weights=shared / "weights" / f"{name}_cifar10.pth").eval()
    x, labels = cifar10_test
    with torch.no_grad():
        predicted = torch.cat([model(batch).argmax(1) for batch in x.split(250)])
    assert len(labels) == 10_000
    assert (predicted == labels).sum().item() == right
