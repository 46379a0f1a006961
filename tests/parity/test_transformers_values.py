"""Networks as Hugging Face's transformers saves them: a folder of theirs is opened as it is, and logits agree."""

import pytest
import torch

from convatlas import create_model

transformers = pytest.importorskip("transformers")

SHORT = {"depths": [1, 1, 1, 1]}
SWIN = {"depths": [2, 2, 2, 2], "embed_dim": 32, "num_heads": [2, 4, 8, 16]}
# ours → theirs, and how it is built
TWINS = {
    "resnet18:width=16,depths=1-1-1-1": (
        "ResNet", {"embedding_size": 16, "hidden_sizes": [16, 32, 64, 128], "layer_type": "basic", **SHORT}
    ),
    "resnet50:width=16,depths=1-1-1-1": ("ResNet", {"embedding_size": 16, "hidden_sizes": [64, 128, 256, 512], **SHORT}),
    "convnext_tiny:width=24,depths=1-1-1-1": ("ConvNext", {"hidden_sizes": [24, 48, 96, 192], **SHORT}),
    "vit_b_16:depth=2,width=64,heads=4": (
        "ViT", {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
    ),
    "swin_t:depths=2-2-2-2,width=32,head_width=16": ("Swin", SWIN),
    "swin_v2_t:depths=2-2-2-2,width=32,head_width=16": ("Swinv2", {"image_size": 256, "window_size": 8, **SWIN}),
    "regnet_y_400mf": (
        "RegNet", {"embedding_size": 32, "hidden_sizes": [48, 104, 208, 440], "depths": [1, 3, 6, 6], "groups_width": 8}
    ),
    "regnet_x_400mf": (
        "RegNet",
        {"hidden_sizes": [32, 64, 160, 400], "depths": [1, 2, 7, 12], "groups_width": 16, "layer_type": "x"},
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TWINS)
def test_saved_weights_compute_the_same(name, tmp_path):
    kind, settings = TWINS[name]
    config = getattr(transformers, f"{kind}Config")(num_labels=7, **settings)
    theirs = getattr(transformers, f"{kind}ForImageClassification")(config).eval()
    for value in (*theirs.parameters(), *theirs.buffers()):
        if value.is_floating_point() and value.ndim == 1:
            value.data.uniform_(0.5, 1.5)
    x = torch.randn(2, 3, config.image_size, config.image_size) if hasattr(config, "image_size") else torch.randn(2, 3, 96, 64)
    with torch.no_grad():
        expected = theirs(x).logits
        theirs.save_pretrained(tmp_path)
        for weights in (tmp_path, tmp_path / "as_it_is.bin"):
            torch.save(theirs.state_dict(), tmp_path / "as_it_is.bin")  # version 5 has other names in memory than in files
            ours = create_model(name, num_classes=7, weights=weights).eval()
            torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())
