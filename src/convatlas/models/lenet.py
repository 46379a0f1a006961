"""LeNet-5: share weights across the image, and let it shrink as its meaning grows.

One small filter slides everywhere, y[i, j] = tanh(b + Σ w[u, v] · x[i + u, j + v]): a stroke is the same stroke wherever it
stands. Convolution and averaging alternate until 32x32 pixels have become 120 numbers.

Papers   LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, Proc. IEEE 86(11), §II.B
Differs  `lenet5` is the network as taught today: plain averages, every map of the third layer reads all six maps, a linear
         output.
         `lenet5_1998` is the network as published: trainable subsampling, table I of connections, 1.7159 · tanh(2x/3),
         squared distances to fixed codes as output. Its scores are minus the distances, so that the largest wins, and
         cross-entropy over them is the paper's eq. 9 without its constant j. The codes are 7x12 drawings of the ten digits
         made after figure 3, whose pixels the paper does not list; other numbers of classes get fixed random ones.
Names    C1 S2 C3 S4 C5 F6 of figure 2 = conv1 pool1 conv2 pool2 fc1 fc2 · fc3 = head (RBF: no trainable weights)
"""

from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d

from .family import Family, Native, Paper, Printed, Published, Sides, Suits


@dataclass(frozen=True, slots=True)
class Spec:
    """Which of its details are the published ones."""

    trainable_pool: bool = False  # a weight and a bias for each map of S2 and S4
    table: bool = False  # C3 reads the maps that table I lists, instead of all
    scaled_tanh: bool = False  # 1.7159 · tanh(2x/3) instead of tanh
    rbf: bool = False  # squared distance to a fixed code for each class, instead of a linear layer


VARIANTS = {
    "lenet5": Spec(),
    "lenet5_1998": Spec(trainable_pool=True, table=True, scaled_tanh=True, rbf=True),
}

# Table I: the maps of S2 that each of the sixteen maps of C3 reads.
CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (4, 5, 0), (5, 0, 1),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 0), (4, 5, 0, 1), (5, 0, 1, 2),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip

# Ten digits, twelve rows of seven pixels each, a row being the bits of a number: 0b0111110 has ink on the five inner pixels.
DRAWINGS = (
    (28, 34, 65, 65, 65, 65, 65, 65, 65, 34, 28, 0),
    (8, 24, 40, 8, 8, 8, 8, 8, 8, 8, 62, 0),
    (62, 65, 1, 1, 2, 4, 8, 16, 32, 64, 127, 0),
    (127, 2, 4, 8, 28, 2, 1, 1, 1, 65, 62, 0),
    (2, 6, 10, 18, 34, 66, 127, 2, 2, 2, 2, 0),
    (127, 64, 64, 124, 66, 1, 1, 1, 1, 66, 60, 0),
    (14, 16, 32, 64, 92, 98, 65, 65, 65, 34, 28, 0),
    (127, 1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 0),
    (62, 65, 65, 65, 62, 65, 65, 65, 65, 65, 62, 0),
    (28, 34, 65, 65, 65, 35, 29, 1, 2, 4, 56, 0),
)


class ScaledTanh(nn.Module):
    """1.7159 · tanh(2x/3): maps ±1 to ±1, so that targets lie where the curve bends most (appendix A)."""

    def forward(self, x: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(x * (2 / 3))


class Subsampling(nn.Module):
    """The 2x2 average of each map, times its trainable weight, plus its trainable bias, squashed.

    Shapes   x (n, c, h, w) → (n, c, h/2, w/2)
    """

    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(c, 1, 1))
        self.bias = nn.Parameter(torch.zeros(c, 1, 1))
        self.act = ScaledTanh()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(avg_pool2d(x, 2) * self.weight + self.bias)


class TableConv2d(nn.Module):
    """A 5x5 convolution whose output maps each read only the input maps that table I lists: 60 kernels instead of 96.

    Shapes   x (n, 6, h, w) → (n, 16, h − 4, w − 4)
    """

    def __init__(self) -> None:
        super().__init__()
        pairs = [(c_out, c_in) for c_out, row in enumerate(CONNECTIONS) for c_in in row]
        self.pairs: Tensor
        self.weight = nn.Parameter(torch.empty(len(pairs), 5, 5))
        self.bias = nn.Parameter(torch.zeros(len(CONNECTIONS)))
        self.register_buffer("pairs", torch.tensor(pairs).T.contiguous(), persistent=False)
        for kernel, (c_out, _) in zip(self.weight.data, pairs, strict=True):
            bound = 2.4 / (25 * len(CONNECTIONS[c_out]))
            nn.init.uniform_(kernel, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        full = self.weight.new_zeros(len(CONNECTIONS), 6, 5, 5)
        return conv2d(x, full.index_put((self.pairs[0], self.pairs[1]), self.weight), self.bias)


class RBF(nn.Module):
    """Minus the squared distance between the 84 units and the code of each class.

    Shapes   x (n, 84) → (n, num_classes)
    Source   LeCun et al. 1998, eq. 7
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.codes: Tensor
        chance = Random(1998)
        drawings = (
            DRAWINGS
            if num_classes == len(DRAWINGS)
            else [[chance.getrandbits(7) for _ in range(12)] for _ in range(num_classes)]
        )
        codes = [[2.0 * (row >> bit & 1) - 1 for row in drawing for bit in reversed(range(7))] for drawing in drawings]
        self.register_buffer("codes", torch.tensor(codes))

    def forward(self, x: Tensor) -> Tensor:
        return -(x.unsqueeze(1) - self.codes).square().sum(-1)


class LeNet5(nn.Module):
    """Figure 2: C1 S2 C3 S4 C5 F6 and the output.

    Shapes   x (n, in_channels, 32, 32) float → (n, num_classes); num_classes 0 → (n, 84)
    """

    def __init__(self, spec: Spec, num_classes: int, in_channels: int, image_size: int) -> None:
        super().__init__()
        side = (image_size - 4) // 2 // 2 - 2
        self.act = ScaledTanh() if spec.scaled_tanh else nn.Tanh()
        self.conv1 = nn.Conv2d(in_channels, 6, 5)
        self.pool1 = Subsampling(6) if spec.trainable_pool else nn.AvgPool2d(2)
        self.conv2 = TableConv2d() if spec.table else nn.Conv2d(6, 16, 5)
        self.pool2 = Subsampling(16) if spec.trainable_pool else nn.AvgPool2d(2)
        self.fc1 = nn.Linear(16 * side**2, 120)
        self.fc2 = nn.Linear(120, 84)
        if num_classes == 0:
            self.fc3: nn.Module = nn.Identity()
        else:
            self.fc3 = RBF(num_classes) if spec.rbf else nn.Linear(84, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):  # appendix A: uniform within 2.4 / fan-in
                bound = 2.4 / module.weight[0].numel()
                nn.init.uniform_(module.weight, -bound, bound)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool1(self.act(self.conv1(x)))
        x = self.pool2(self.act(self.conv2(x)))
        x = self.act(self.fc1(x.flatten(1)))
        return self.fc3(self.act(self.fc2(x)))


FAMILY = Family(
    name="lenet",
    title="LeNet-5",
    papers=(Paper("LeCun et al.", 1998, "Gradient-Based Learning Applied to Document Recognition", "Proc. IEEE 86(11)"),),
    ideas=(),
    build=LeNet5,
    variants=VARIANTS,
    stem="conv1",
    heads=("fc3",),
    native=Native(num_classes=10, in_channels=1, image_size=32, smallest=32),
    published={"lenet5_1998": Published(99.05, "MNIST", "LeCun et al. 1998, §III.B")},
    tags=frozenset({"no-reference", "fixed-size"}),
    suits=Suits("adamw", lr=4e-3, weight_decay=1e-2, epochs=30),
    printed={
        "lenet5": Printed("61,706", "", "LeCun et al. 1998, figure 2, every map of C3 reading all six"),
        "lenet5_1998": Printed("60,000", "", "LeCun et al. 1998, §II.B"),
    },
    sides={"lenet": Sides((28, 14, 10, 5), "LeCun et al. 1998, figure 2")},
)
