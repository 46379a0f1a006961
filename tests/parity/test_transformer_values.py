"""Transformers as small as their classes in torchvision allow: values, gradients and buffers equal to the last bit.

PyTorch's fused attention is switched off: torchvision takes it in evaluation alone, and it rounds differently.
"""

import pytest
import timm
import torch
from selection import networks
from test_torchvision_values import copy, trained
from torchvision.models import maxvit as maxvit_reference
from torchvision.models import swin_transformer as swin_reference
from torchvision.models import vision_transformer as vit_reference

from convatlas.models import CATALOG, create_model
from convatlas.weights import load_into

V2 = {"block": swin_reference.SwinTransformerBlockV2, "downsample_layer": swin_reference.PatchMergingV2}


@pytest.fixture(autouse=True)
def plain_attention():
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    yield
    torch.backends.mha.set_fastpath_enabled(before)


def vit(size, patch, **options):
    return vit_reference.VisionTransformer(size, patch, 2, 4, 64, 256, num_classes=7, **options)


def swin(patch, window, depths, **options):
    sizes = [patch, patch], 32, depths, [1, 2, 4, 8], [window, window]
    return swin_reference.SwinTransformer(*sizes, stochastic_depth_prob=0.5, num_classes=7, **options)


def maxvit(size, p):
    return maxvit_reference.MaxVit((size, size), 32, p, [32, 64, 128, 256], [2, 1, 2, 1], 32, 0.5, num_classes=7)


CASES = {  # name, ours, theirs, sides of images
    "vit": ("vit_b_16", {"depth": 2, "width": 64, "heads": 4}, lambda: vit(80, 16), [(80, 80)]),
    "vit small": (
        "vit_b_32", {"depth": 2, "width": 64, "heads": 4, "dropout": 0.5}, lambda: vit(32, 4, dropout=0.5), [(32, 32)]),
    "swin": ("swin_t", {"depths": (2, 2, 2, 2)}, lambda: swin(4, 7, [2, 2, 2, 2]), [(97, 130), (67, 230)]),
    "swin small": ("swin_t", {"depths": (1, 2, 1, 2)}, lambda: swin(2, 4, [1, 2, 1, 2]), [(32, 32), (53, 35)]),
    "swin v2": ("swin_v2_t", {"depths": (2, 2, 2, 2)}, lambda: swin(4, 8, [2, 2, 2, 2], **V2), [(97, 130), (67, 230)]),
    "swin v2 small": ("swin_v2_t", {"depths": (1, 2, 1, 2)}, lambda: swin(2, 4, [1, 2, 1, 2], **V2), [(32, 32), (53, 35)]),
    "maxvit": ("maxvit_t", {"depths": (2, 1, 2, 1)}, lambda: maxvit(96, 3), [(96, 96)]),
}  # fmt: skip


@pytest.mark.parametrize("case", networks(CASES, ("vit", "swin small", "swin v2 small", "maxvit"), CASES))
def test_values_gradients_and_buffers_are_equal(case):
    name, changes, reference, sides = CASES[case]
    if not name.startswith("vit"):
        changes = changes | {"width": 32, "drop_path": 0.5}
    torch.manual_seed(0)
    theirs = reference()
    ours = create_model(name, num_classes=7, image_size=min(sides[0]), **changes)
    tables = {key: value for key, value in ours.named_buffers() if "relative" in key}
    assert all(torch.equal(value, theirs.get_buffer(key)) for key, value in tables.items())
    with torch.no_grad():
        for p in theirs.parameters():  # what starts at 0 or 1 would hide a mistake
            p.add_(torch.randn_like(p), alpha=0.1)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours = copy(theirs, ours)
    for h, w in sides:
        x = torch.randn(3, 3, h, w)
        with torch.no_grad():
            expected = theirs.eval()(x)
            assert torch.equal(ours.eval()(x), expected)
        assert expected.std() > 0.01
        ours.zero_grad()
        theirs.zero_grad()
        found, wanted = trained(ours, x), trained(theirs, x)
        assert found.keys() == wanted.keys()
        assert not [key for key in found if not torch.equal(found[key], wanted[key])]


@pytest.mark.parametrize(("old", "new"), [(224, 384), (224, 96)])
def test_positions_are_interpolated_as_the_references(old, new):
    state = {"encoder.pos_embedding": torch.randn(1, 1 + (old // 16) ** 2, 32)}
    expected = vit_reference.interpolate_embeddings(new, 16, dict(state))["encoder.pos_embedding"]
    found = CATALOG["vit_b_16"].adapt("encoder.pos_embedding", state["encoder.pos_embedding"], torch.empty_like(expected))
    assert torch.equal(found, expected)


SMALL_OF_TIMM = {
    "vit_b_16": (
        "vit_base_patch16_224", {"depth": 2, "embed_dim": 64, "num_heads": 4}, {"depth": 2, "width": 64, "heads": 4}),
    "vit_h_14": (
        "vit_huge_patch14_224", {"depth": 2, "embed_dim": 64, "num_heads": 4}, {"depth": 2, "width": 64, "heads": 4}),
    "swin_t": (
        "swin_tiny_patch4_window7_224", {"depths": (2, 2, 2, 2), "embed_dim": 32, "num_heads": (1, 2, 4, 8)},
        {"depths": (2, 2, 2, 2), "width": 32}),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL_OF_TIMM)
def test_timms_weights_load(name, tmp_path):
    theirs_name, theirs_options, options = SMALL_OF_TIMM[name]
    torch.manual_seed(0)
    theirs = timm.create_model(theirs_name, num_classes=7, **theirs_options).eval()
    for p in theirs.parameters():
        p.data.normal_(std=0.2)
    torch.save(theirs.state_dict(), tmp_path / "timm.pth")
    ours = create_model(name, num_classes=7, **options).eval()
    loaded = load_into(ours, tmp_path / "timm.pth", CATALOG[name])
    assert (loaded.adapted, loaded.fresh, loaded.dropped) == ((), (), ())
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-5)


def test_the_first_spelling_of_vits_mlps_loads(tmp_path):
    model = create_model("vit_b_32", depth=1, width=64, heads=4)
    state = {
        key.replace(".mlp.0.", ".mlp.linear_1.").replace(".mlp.3.", ".mlp.linear_2."): v
        for key, v in model.state_dict().items()
    }
    torch.save(state, tmp_path / "old.pth")
    again = create_model("vit_b_32", depth=1, width=64, heads=4)
    loaded = load_into(again, tmp_path / "old.pth", CATALOG["vit_b_32"])
    assert (loaded.adapted, loaded.fresh) == ((), ())
    assert all(torch.equal(value, model.state_dict()[key]) for key, value in again.state_dict().items())
