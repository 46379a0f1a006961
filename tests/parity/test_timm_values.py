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


def test_the_second_swin_stores_biases_apart():
    shape = {"depths": (2, 2, 2, 2), "embed_dim": 32, "num_heads": (2, 4, 8, 16)}
    theirs = lively(timm.create_model("swinv2_tiny_window8_256", num_classes=7, **shape))
    ours = create_model("swin_v2_t:depths=2-2-2-2,width=32,head_width=16", num_classes=7).eval()
    own = ours.state_dict()
    state = rename_tensors(theirs.state_dict(), own, CATALOG["swin_v2_t"].renames)
    ours.load_state_dict(own | {key: value.view(own[key].shape) for key, value in state.items()}, strict=True)
    assert own.keys() - state.keys() <= {key for key in own if "relative" in key}
    x = torch.randn(2, 3, 256, 256)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)


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
