import torch
from safetensors.torch import save_file

from convatlas import create_model
from convatlas.runs.preparation import load_weights


def test_a_head_that_fits_is_kept_or_started_anew(tmp_path):
    path = tmp_path / "theirs.safetensors"
    torch.manual_seed(1)
    theirs = create_model("resnet20").state_dict()
    save_file(theirs, path)
    asked = {"num_classes": 10, "in_channels": 3, "image_size": 32}
    for fresh in (False, True):
        model, loaded = load_weights("resnet20", path, fresh_head=fresh, **asked)
        differ = {name for name, value in model.state_dict().items() if not torch.equal(value, theirs[name])}
        assert differ == ({"fc.weight", "fc.bias"} if fresh else set())
        assert set(loaded.fresh) == differ
        assert len(loaded.kept) == len(theirs) - len(loaded.fresh)
