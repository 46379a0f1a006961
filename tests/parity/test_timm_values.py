"""Networks under timm's names: the family's renames carry random weights over, and logits agree."""

import pytest
import torch
from selection import networks

from convatlas.models import CATALOG, create_model
from convatlas.weights.entries import rename_tensors

timm = pytest.importorskip("timm")

TWINS = {
    "efficientnet_lite0": "efficientnet_lite0",
    "efficientnet_lite1": "efficientnet_lite1",
    "efficientnet_lite2": "efficientnet_lite2",
    "efficientnet_lite3": "efficientnet_lite3",
    "efficientnet_lite4": "efficientnet_lite4",
    "efficientnet_b0": "efficientnet_b0",
    "efficientnet_b5:eps=1e-5": "efficientnet_b5",
    "regnet_x_400mf": "regnetx_004_tv",
    "regnet_y_400mf": "regnety_004",
    "regnet_y_800mf": "regnety_008_tv",
}  # ours → theirs


def lively(model):
    """Norms and their statistics at random: at their start a missing one would go unnoticed."""
    for value in (*model.parameters(), *model.buffers()):
        if value.is_floating_point() and value.ndim == 1:
            value.data.uniform_(0.5, 1.5)
    return model.eval()


@pytest.mark.parametrize(
    "name", networks(TWINS, ("efficientnet_lite0", "regnet_x_400mf", "regnet_y_400mf"), ("efficientnet_b0",))
)
def test_renamed_weights_compute_the_same(name):
    theirs = lively(timm.create_model(TWINS[name], num_classes=7))
    ours = create_model(name, num_classes=7).eval()
    family = CATALOG[name.partition(":")[0]]
    ours.load_state_dict(rename_tensors(theirs.state_dict(), ours.state_dict(), family.renames), strict=True)
    x = torch.randn(2, 3, 65, 80)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())
