"""With the same file, ours say of every photograph exactly what torchvision's say with torchvision's own preparation."""

import shutil
from pathlib import Path

import pytest
import torch
import torchvision
from PIL import Image
from selection import networks

from convatlas.runs.network import NetworkRequest, open_network
from convatlas.studies.measure import measure
from convatlas.studies.predict import BATCH, predict
from convatlas.weights import classes, transforms

PHOTOGRAPHS = 125
RIGHT = {"squeezenet1_1": (79, 109), "mobilenet_v2": (99, 117)}  # top-1, top-5; docs/studies/photographs.md has them


@pytest.fixture(scope="module")
def files(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """III_wnid_name.JPEG, III the number of the class."""
    folder = tmp_path_factory.mktemp("photographs")
    shutil.unpack_archive(shared / "imagenet-samples.zip", folder)
    return sorted(folder.rglob("*.JPEG"))


def reference(name: str, weights: Path, files: list[Path]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """What torchvision sees and says."""
    model = torchvision.models.get_model(name).eval()
    model.load_state_dict(torch.load(weights, weights_only=True))
    preset = torchvision.models.get_model_weights(name).IMAGENET1K_V1.transforms()
    seen = [preset(Image.open(path).convert("RGB")) for path in files]
    with torch.inference_mode():
        return seen, torch.cat([model(x) for x in torch.stack(seen).split(BATCH)])


@pytest.mark.parametrize("name", RIGHT)
def test_predictions_are_torchvisions(name, shared, files):
    some = files[:: PHOTOGRAPHS // 7]
    weights = shared / "weights" / f"{name}_imagenet.pth"
    seen, logits = reference(name, weights, some)
    own = transforms(name, "imagenet1k_v1")
    assert all(torch.equal(x, own(Image.open(path))) for x, path in zip(seen, some, strict=True))
    top = logits.softmax(1).topk(5)
    answers = predict(open_network(NetworkRequest(name, str(weights))), some)
    for answer, indices, probabilities in zip(answers, top.indices.tolist(), top.values.tolist(), strict=True):
        assert answer.classes == tuple(zip((classes()[i] for i in indices), probabilities, strict=True)), answer.path.name


@pytest.mark.parametrize("name", networks(RIGHT, ()))
def test_all_logits_of_all_photographs_are_torchvisions(name, shared, files, tmp_path):
    assert len(files) == PHOTOGRAPHS
    weights = shared / "weights" / f"{name}_imagenet.pth"
    _, logits = reference(name, weights, files)
    reader = open_network(NetworkRequest(name, str(weights)))
    pixels = torch.stack([reader.read(path) for path in files])
    assert torch.equal(torch.cat([reader.logits(x) for x in pixels.split(BATCH)]), logits)

    labels = torch.tensor([int(path.name[:3]) for path in files])
    right = tuple((logits.topk(5).indices == labels[:, None]).cumsum(1).sum(0)[[0, 4]].tolist())
    assert right == RIGHT[name]
    for path, label in zip(files, labels.tolist(), strict=True):
        (tmp_path / str(label)).mkdir()
        (tmp_path / str(label) / path.name).symlink_to(path)
    found = measure(NetworkRequest(name, str(weights), data=str(tmp_path)), device="cpu").scores.figures
    assert (found["accuracy"], found["top5_accuracy"]) == pytest.approx([count / PHOTOGRAPHS for count in right])
