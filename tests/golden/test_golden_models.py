"""Networks without a reference: eight numbers each, from a seed, that only a change of what is computed changes.

`python tests/golden/test_golden_models.py` writes models.json again; the difference is for a reviewer to explain.
"""

import json
from pathlib import Path

import pytest
import torch

from convatlas.models import CATALOG, create_model

FILE = Path(__file__).with_name("models.json")
NETWORKS = (
    "lenet5", "lenet5_1998", "alexnet_2012", "googlenet_2014", "resnet20", "plain20", "densenet_bc_100_12", "tinyvgg"
)  # fmt: skip


def numbers(name):
    """Four logits in training mode, which moves the statistics of batch norm, then four in evaluation; of the head alone."""
    native = CATALOG[name].native_of(name)
    torch.manual_seed(0)
    model = create_model(name)
    torch.manual_seed(1)
    x = torch.randn(2, native.in_channels, native.image_size, native.image_size)
    with torch.no_grad():
        trained = model.train()(x)
        trained = trained[0] if isinstance(trained, tuple) else trained
        logits = [*trained[0, :4].tolist(), *model.eval()(x)[1, :4].tolist()]
    return [float(f"{value:.7g}") for value in logits]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_seed_gives_the_numbers_it_always_gave(name):
    expected = torch.tensor(json.loads(FILE.read_text(encoding="utf-8"))[name])
    torch.testing.assert_close(torch.tensor(numbers(name)), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


def test_every_network_without_a_reference_has_numbers():
    assert sorted(json.loads(FILE.read_text(encoding="utf-8"))) == sorted(NETWORKS)
    assert {CATALOG[name].name for name in NETWORKS} >= {f.name for f in CATALOG.values() if "no-reference" in f.tags}


if __name__ == "__main__":
    rows = (f"  {json.dumps(name)}: {json.dumps(numbers(name))}" for name in NETWORKS)
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")
