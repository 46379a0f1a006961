"""Published CIFAR-10 weights give the published accuracy, to the last image."""

import pytest
import torch

from convatlas.models import create_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's: these weights were trained with them


@pytest.mark.parametrize(
    ("name", "count", "right"),
    [
        pytest.param("resnet20", 2000, 1834, marks=pytest.mark.slow),  # our own count; those of all images are published
        pytest.param("resnet20", 10_000, 9173, marks=pytest.mark.thorough),
        pytest.param("resnet56", 10_000, 9339, marks=pytest.mark.thorough),
    ],
)
def test_published_accuracy(name, count, right, shared, cifar10):
    model = create_model(name, weights=shared / "weights" / f"{name}_cifar10.pth").eval()
    images, labels = map(torch.from_numpy, cifar10("test", count))
    x = (images.permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        predicted = torch.cat([model(batch).argmax(1) for batch in x.split(250)])
    assert len(labels) == count
    assert (predicted == labels).sum().item() == right
