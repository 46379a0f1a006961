"""The small-image form of a network takes over what the native one has learned, and says what it cannot."""

import pytest
import torch
from catalogue import CLASSES, IMAGENET, KINDS, QUICK, belongs, images, slim
from safetensors.torch import save_file
from selection import networks

from convatlas.models import CATALOG, create_model
from convatlas.weights import load_into
from convatlas.weights.load import DERIVED


@pytest.mark.parametrize("name", networks([name for name in KINDS if name in IMAGENET], QUICK, KINDS))
def test_native_weights_move_into_the_small_form(name, tmp_path):
    family = CATALOG[name]
    native = create_model(name, num_classes=CLASSES, **slim(name)).state_dict()
    save_file(native, tmp_path / "native.safetensors")
    side = family.native_of(name).fitting_size(32)
    model = create_model(name, num_classes=CLASSES, image_size=side, **slim(name))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    loaded = load_into(model, tmp_path / "native.safetensors", family)
    after = model.state_dict()
    kept = [key for key in loaded.kept if not key.endswith(DERIVED)]
    assert not [key for key in kept if not torch.equal(after[key], native[key])]
    assert not [key for key in loaded.fresh if not torch.equal(after[key], before[key])]
    assert sorted((*loaded.kept, *loaded.adapted, *loaded.fresh)) == sorted(before)
    assert not [key for key in loaded.dropped if not belongs(key, *family.sized)]
    assert not [key for key in loaded.fresh if not belongs(key, family.stem, *family.sized)]
    assert family.adapt or not loaded.adapted
    assert all(names[0] in str(loaded) for names in (loaded.fresh, loaded.adapted) if names)
    assert model.eval()(images(1, 3, side)).isfinite().all()
