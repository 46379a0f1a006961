"""Every module of every network is in one stage, the stages are those of the papers, and a user's own network has them too."""

import pytest
import torch
from selection import LARGE, networks
from torch import nn

from convatlas import catalog
from convatlas.anatomy import inspect
from convatlas.anatomy.parts import parts
from convatlas.errors import InputError
from convatlas.models import CATALOG, FAMILIES, create_model, create_on_meta

QUICK = ("lenet5_1998", "alexnet_2012", "vgg11", "resnet18", "squeezenet1_1", "mobilenet_v2", "vit_b_16", "tinyvgg")

# Stage by stage what has weights; a star names a module's own ones, without those of its parts.
PAPERS = {
    "lenet5_1998": "conv1; pool1 conv2; pool2; fc1 fc2; fc3",  # C1; S2 C3; S4; C5 F6; output
    "alexnet_2012": "features.0; features.4; features.8 features.10 features.12; classifier.1 classifier.4; classifier.6",
    "zfnet": "features.0; features.4; features.8 features.10 features.12; classifier.0 classifier.3; classifier.6",
    "vgg11": "features.0; features.3; features.6 features.8; features.11 features.13; features.16 features.18; "
    "classifier.0 classifier.3; classifier.6",
    "googlenet": "conv1 conv2 conv3; inception3a inception3b; inception4a inception4b inception4c inception4d inception4e; "
    "inception5a inception5b; aux1 aux2 fc",
    "inception_v3": "Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 Conv2d_3b_1x1 Conv2d_4a_3x3; Mixed_5b Mixed_5c Mixed_5d; "
    "Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e; Mixed_7a Mixed_7b Mixed_7c; AuxLogits fc",
    "resnet18": "conv1 bn1; layer1; layer2; layer3; layer4; fc",
    "resnet20": "conv1 bn1; layer1; layer2; layer3; fc",
    "preact_resnet18": "conv1; layer1; layer2; layer3; layer4; fc",
    "wrn_40_2": "conv1; layer1; layer2; layer3 bn; fc",
    "squeezenet1_1": "features.0; features.3 features.4; features.6 features.7; "
    "features.9 features.10 features.11 features.12; classifier",
    "densenet_bc_100_12": "features.conv0; features.denseblock1 features.transition1; "
    "features.denseblock2 features.transition2; features.denseblock3 features.norm5; classifier",
    "resnext29_32x4d": "conv1 bn1; layer1; layer2; layer3; fc",
    "mobilenet_v1_025": "stem; stages.0; stages.1; stages.2; stages.3; stages.4; classifier",
    "mobilenet_v2": "features.0; features.1; features.2 features.3; features.4 features.5 features.6; "
    "features.7 features.8 features.9 features.10 features.11 features.12 features.13; "
    "features.14 features.15 features.16 features.17 features.18; classifier",
    "mnasnet0_5": "layers.0 layers.1 layers.3 layers.4 layers.6 layers.7; layers.8; layers.9; layers.10 layers.11; "
    "layers.12 layers.13 layers.14 layers.15; classifier",
    "shufflenet_v2_x0_5": "conv1; stage2; stage3; stage4 conv5; fc",
    "mobilenet_v3_small": "features.0; features.1; features.2 features.3; "
    "features.4 features.5 features.6 features.7 features.8; features.9 features.10 features.11 features.12; "
    "classifier.0; classifier.3",
    "efficientnet_lite0": "features.0; features.1; features.2; features.3; features.4 features.5; "
    "features.6 features.7 features.8; classifier",
    "regnet_y_400mf": "stem; trunk_output.block1; trunk_output.block2; trunk_output.block3; trunk_output.block4; fc",
    "tinyvgg": "conv_block_1; conv_block_2; classifier",
    "vit_b_16": "* conv_proj encoder*; " + "; ".join(
        " ".join(f"encoder.layers.encoder_layer_{block}" for block in range(start, start + 3)) for start in (0, 3, 6, 9)
    ) + " encoder.ln; heads",
    "efficientnet_v2_s": "features.0; features.1; features.2; features.3; features.4 features.5; features.6 features.7; "
    "classifier",
    "swin_t": "features.0; features.1; features.2 features.3; features.4 features.5; features.6 features.7 norm; head",
    "convnext_tiny": "features.0; features.1; features.2 features.3; features.4 features.5; features.6 features.7; classifier",
    "maxvit_t": "stem; blocks.0; blocks.1; blocks.2; blocks.3; classifier.2 classifier.3; classifier.5",
}  # fmt: skip
FIRST = ("stem", "stage 1")
DIFFERENT = {
    "lenet5": 4,
    "densenet": 6,
    "mobilenet_v3_large": 8,
}  # stages, where they are not as many as the smallest variant's


@pytest.fixture
def seen(monkeypatch):
    """What was inspected, once; the half of an inspection that asks what training keeps is left out."""
    anatomies = []

    def once(*args):
        anatomies.append(inspect(*args))
        return anatomies[-1]

    monkeypatch.setattr("convatlas.anatomy.layers.kept_bytes", lambda *_: {})
    monkeypatch.setattr("convatlas.anatomy.parts.inspect", once)
    return anatomies


def stages_of(name, side=None):
    """A network without values, and its stages at its own size or another one."""
    family = CATALOG[name]
    native = family.native_of(name)
    side = native.fitting_size(side) if side else native.image_size
    model = create_on_meta(name, image_size=side)
    return model, parts(model, (native.in_channels, side, side), family.heads, family.auxiliary)


def weights(model, names):
    modules = dict(model.named_modules())
    return [
        value for name in names for value in (*modules[name].parameters(recurse=False), *modules[name].buffers(recurse=False))
    ]


def learnable(values):
    return sum(value.numel() for value in values if isinstance(value, nn.Parameter))


def check(name, model, stages, layers):
    """What holds for every network of the catalog."""
    family = CATALOG[name]
    where = {module: stage for stage, names in stages.items() for module in names}
    assert sorted(where) == sorted(dict(model.named_modules()))
    assert sum(map(len, stages.values())) == len(where)
    assert all(weights(model, names) for names in stages.values())
    assert sum(learnable(weights(model, names)) for names in stages.values()) == sum(p.numel() for p in model.parameters())
    assert len(stages) >= (3 if family.name == "tinyvgg" else 4)
    order = list(stages)
    assert (order[0] in FIRST, order[-1]) == (True, "head")
    numbered = [stage for stage in order if stage.startswith("stage")]
    assert numbered == [f"stage {number + 1}" for number in range(len(numbered))]
    head = sum(learnable(model.get_submodule(module).parameters()) for module in (family.heads[0], *family.auxiliary))
    norm = learnable(model.classifier[0].parameters()) if family.name == "convnext" else 0
    assert learnable(weights(model, stages["head"])) == head + norm
    ran = [order.index(where[layer.module]) for layer in layers if layer.parameters and not layer.module.endswith("encoder")]
    assert ran == sorted(ran)


@pytest.mark.parametrize("name", networks(PAPERS, QUICK, set(PAPERS) - set(LARGE)))
def test_stages_are_those_of_the_paper(name, seen):
    model, stages = stages_of(name)
    check(name, model, stages, seen[0].layers)
    modules = dict(model.named_modules())
    expected = []
    for stage in PAPERS[name].split(";"):
        alone = [module.removesuffix("*") for module in stage.split() if module.endswith("*")]
        whole = [module for module in stage.split() if not module.endswith("*")]
        within = tuple(f"{module}." for module in whole)
        held = [*alone, *whole, *(module for module in modules if module.startswith(within or ("?",)))]
        expected.append({module for module in held if weights(model, [module])})
    assert [{module for module in names if weights(model, [module])} for names in stages.values()] == expected


def test_every_family_is_in_the_table_with_its_smallest_variant():
    assert {CATALOG[name].name for name in PAPERS} == {family.name for family in FAMILIES}
    size = {name: row.parameters for name, row in catalog.ROWS.items()}
    assert all(size[name] == min(size[each] for each in CATALOG[name].variants) for name in PAPERS)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [name for name in CATALOG if name not in PAPERS])
def test_every_variant_has_the_stages_of_its_family(name, seen):
    model, stages = stages_of(name)
    check(name, model, stages, seen[0].layers)
    smallest = next(each for each in PAPERS if CATALOG[each] is CATALOG[name])
    special = next((count for start, count in DIFFERENT.items() if name.startswith(start)), None)
    assert len(stages) == (special or len(PAPERS[smallest].split(";")))


@pytest.mark.parametrize(
    "name", networks([name for name in PAPERS if CATALOG[name].native_of(name).image_size > 32], (), QUICK)
)
def test_small_images_have_stages_too(name, seen):
    model, stages = stages_of(name, 32)
    check(name, model, stages, seen[0].layers)


@pytest.mark.parametrize(("depth", "groups"), [(2, "1 2"), (3, "1 2 3"), (6, "1-2 3-4 5 6"), (11, "1-3 4-6 7-9 10-11")])
def test_a_transformers_blocks_are_dealt_evenly(depth, groups, seen):
    model = create_on_meta("vit_b_16", depth=depth, width=48, heads=4)
    stages = parts(model, (3, 224, 224), ("heads.head",))
    assert list(stages) == ["stem", *(f"block{'s' if '-' in group else ''} {group}" for group in groups.split()), "head"]
    assert sum(name.count(".") == 2 and "encoder_layer" in name for names in stages.values() for name in names) == depth
    assert "encoder.ln" in list(stages.values())[-2]
    assert {"", "encoder", "conv_proj"} <= set(stages["stem"])  # class token and positions are the first two's own


def test_nothing_is_changed_and_frozen_weights_have_the_same_stages():
    model = create_model("squeezenet1_1", num_classes=2, image_size=32)
    model.features[3].eval()
    modes = [module.training for module in model.modules()]
    before = {key: (value, value.clone()) for key, value in model.state_dict(keep_vars=True).items()}
    stages = parts(model, (3, 32, 32), ("classifier.1",))
    after = model.state_dict(keep_vars=True)
    assert all(after[key] is value and torch.equal(value, copy) for key, (value, copy) in before.items())
    assert [module.training for module in model.modules()] == modes
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert parts(model.requires_grad_(requires_grad=False), (3, 32, 32), ("classifier.1",)) == stages
    assert "classifier.0" in stages["head"]  # its dropout is on where the head learns alone


def test_the_same_at_a_size_whose_last_maps_are_single_units(seen):
    model = create_on_meta("resnet18")
    assert parts(model, (3, 32, 32), ("fc",)) == parts(model, (3, 224, 224), ("fc",))
    assert list(parts(model, (3, 8, 8), ("fc",))) == ["stem", "blocks 1-2", "blocks 3-4", "blocks 5-6", "blocks 7-8", "head"]


def test_without_a_head_what_stays_is_the_same(seen):
    whole = parts(create_on_meta("resnet18"), (3, 64, 64), ("fc",))
    assert parts(create_on_meta("resnet18", num_classes=0), (3, 64, 64), ("fc",)) == whole


@pytest.mark.parametrize("head", ["", "fcc", "layer5.0"])
def test_an_unknown_head_is_a_sentence(head):
    with pytest.raises(InputError, match="unknown module"):
        parts(create_on_meta("resnet18"), (3, 64, 64), (head,))


class Residual(nn.Module):
    """A block whose last convolution shrinks the map, after one at the size it came in."""

    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(c_in, c_out, 1), nn.ReLU(), nn.Conv2d(c_out, c_out, 3, stride, 1), nn.Dropout(0.5))
        self.skip = nn.Conv2d(c_in, c_out, 1, stride)
        self.unused = nn.Identity()

    def forward(self, x):
        return self.body(x) + self.skip(x)


class Mine(nn.Module):
    """A user's network: everything in one trunk, parameters of its own, a side head, one activation for all."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.act = nn.ReLU()
        self.side = nn.Sequential(nn.Flatten(), nn.Linear(8, 3))
        self.trunk = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1), nn.Identity(), Residual(8, 8, 2), Residual(8, 8, 1), Residual(8, 16, 2),
            Residual(16, 16, 2), Residual(16, 16, 1), nn.BatchNorm2d(16),
        )  # fmt: skip
        self.hidden = nn.Linear(16, 8)
        self.drop = nn.Dropout(0.5)
        self.out = nn.Linear(8, 3)
        self.spare = nn.Linear(2, 2)

    def forward(self, x):
        y = self.act(self.hidden(self.act(self.trunk(x * self.scale)).mean((2, 3))))
        return self.out(self.drop(y)).log_softmax(1)


def test_a_users_own_network_has_stages():
    stages = parts(Mine(), (3, 32, 32), ("out",), ("side",))
    tops = {stage: {name for name in names if name.count(".") < 2 and name} for stage, names in stages.items()}
    assert tops == {
        "stem": {"trunk", "trunk.0", "trunk.1"},
        "stage 1": {"trunk.2", "trunk.3"},
        "stage 2": {"trunk.4"},
        "stage 3": {"trunk.5", "trunk.6", "trunk.7", "act"},
        "fully connected": {"hidden"},
        "head": {"drop", "out", "spare", "side", "side.0", "side.1"},
    }
    assert "" in stages["stem"]
    assert {"trunk.4.body.0", "trunk.4.unused", "trunk.4.skip"} <= set(stages["stage 2"])


def test_a_plain_chain_has_no_stem():
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        nn.Sequential(nn.Flatten(), nn.Linear(8 * 49, 16), nn.ReLU(), nn.Linear(16, 10)),
    )
    stages = parts(model, (1, 28, 28), ("2.3",))
    assert {stage: [name for name in names if weights(model, [name])] for stage, names in stages.items()} == {
        "stage 1": ["0.0"],
        "stage 2": ["1.0"],
        "fully connected": ["2.1"],
        "head": ["2.3"],
    }


class UNet(nn.Module):
    """A backbone, a decoder whose maps grow again, two heads."""

    def __init__(self):
        super().__init__()
        self.backbone = create_on_meta("resnet18")
        self.backbone.fc = nn.Identity()
        with torch.device("meta"):
            widths = (512, 256, 128, 64)
            self.up = nn.ModuleList(nn.ConvTranspose2d(c, c // 2, 2, stride=2) for c in widths[:3])
            self.mix = nn.ModuleList(nn.Sequential(nn.Conv2d(c, c // 2, 3, padding=1), nn.ReLU()) for c in widths[:3])
            self.dropout = nn.Dropout()
            self.masks, self.edges = nn.Conv2d(64, 5, 1), nn.Conv2d(64, 1, 1)
            self.aside = nn.Conv2d(256, 5, 1)  # only training has it

    def forward(self, x):
        *finer, x = self.backbone.maps(x)
        for up, mix, y in zip(self.up, self.mix, reversed(finer), strict=True):
            x = mix(torch.cat([up(x), y], 1))
        x = self.dropout(x)
        return torch.cat([self.masks(x), self.edges(x)], 1)


def test_a_decoder_stands_between_the_backbones_stages_and_the_heads(seen):
    model = UNet()
    stages = parts(model, (3, 64, 64), ("masks", "edges"), ("aside",), backbone="backbone")
    alone = parts(create_on_meta("resnet18"), (3, 64, 64), ("fc",))
    assert list(stages) == [*list(alone)[:-1], "decoder", "head"]
    for stage in list(alone)[:-1]:
        extra = {"", "backbone"} if stage == "stem" else {"backbone.avgpool", "backbone.fc"}
        assert set(stages[stage]) - extra == {f"backbone.{name}" for name in alone[stage] if name}
    assert {"up", "up.0", "mix.2.0", "mix.2.1", "dropout"} <= set(stages["decoder"])
    assert set(stages["head"]) == {"masks", "edges", "aside"}
    assert sorted(name for names in stages.values() for name in names) == sorted(dict(model.named_modules()))


def test_what_learns_nothing_between_backbone_and_head_belongs_to_the_head(seen):
    model = nn.Sequential(create_on_meta("resnet18", num_classes=0), nn.Dropout(), nn.Linear(512, 3, device="meta"))
    stages = parts(model, (3, 64, 64), ("2",), backbone="0")
    assert list(stages) == ["stem", "stage 1", "stage 2", "stage 3", "stage 4", "head"]
    assert {"1", "2"} <= set(stages["head"])


def test_an_unknown_backbone_is_a_sentence():
    with pytest.raises(InputError, match="unknown module"):
        parts(create_on_meta("resnet18"), (3, 64, 64), ("fc",), backbone="backbon")
