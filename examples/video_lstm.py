"""An encoder sees each frame, an LSTM what happens between frames: which way does the shape move?

A shape of random form, size and brightness starts anywhere and drifts left, right, up or down, and comes back in at the
other edge: no frame tells the direction, only their order does. So the same encoder with its maps averaged over the frames
in place of the LSTM is at chance.

    python examples/video_lstm.py [--clips 400] [--epochs 6] [--seed 0]

prints, on one core:

    encoder + LSTM                92.5% of 200 new clips (chance 25 %)
    encoder + mean over frames    29.5% of 200 new clips (chance 25 %)
"""

import argparse
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from convatlas import create_encoder

FRAMES, SIDE = 6, 24
STEPS = torch.tensor([(0, -1), (0, 1), (-1, 0), (1, 0)])  # left, right, up, down


def clips(count: int, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Moving shapes (count, frames, 1, side, side) and their directions (count,)."""

    def draw(low: int, high: int) -> Tensor:
        return torch.randint(low, high, (count,), generator=chance)

    direction, speed, half = draw(0, 4), draw(2, 4), draw(2, 5)
    round_, brightness = draw(0, 2).bool(), torch.rand(count, generator=chance) * 0.6 + 0.4
    start = torch.stack((draw(0, SIDE), draw(0, SIDE)), 1)
    place = start[:, None] + torch.arange(FRAMES)[None, :, None] * (STEPS[direction] * speed[:, None])[:, None]
    grid = torch.arange(SIDE)
    away = (grid - place[..., None] + SIDE // 2) % SIDE - SIDE // 2  # rows and columns from the middle, around the edge
    down, across = away[:, :, 0, :, None].abs(), away[:, :, 1, None, :].abs()
    size = half[:, None, None, None]
    disc, square = (down**2 + across**2) <= size**2, torch.maximum(down, across) <= size
    shape = torch.where(round_[:, None, None, None], disc, square) * brightness[:, None, None, None]
    x = shape + 0.05 * torch.randn(shape.shape, generator=chance)
    return x[:, :, None], direction


class Film(nn.Module):
    """Frame by frame through the encoder, then through time; without `remember` the frames are averaged."""

    def __init__(self, *, remember: bool = True) -> None:
        super().__init__()
        self.encoder = create_encoder("resnet20", in_channels=1, n=1, levels=(4,))
        c = self.encoder.channels[-1]
        self.lstm = nn.LSTM(c * 9, 64, batch_first=True) if remember else None
        self.head = nn.Linear(64 if remember else c * 9, len(STEPS))

    def forward(self, x: Tensor) -> Tensor:
        maps = self.encoder(x.flatten(0, 1))[-1]  # (n · frames, c, 6, 6)
        features = nn.functional.avg_pool2d(maps, 2).flatten(1).unflatten(0, x.shape[:2])  # a coarse grid still says where
        return self.head(self.lstm(features)[0][:, -1] if self.lstm else features.mean(1))


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int, chance: torch.Generator) -> nn.Module:
    """Train with Adam for some epochs; the model in evaluation mode."""
    adam = torch.optim.AdamW(model.parameters(), 3e-3, weight_decay=0.01)
    steps = epochs * len(torch.arange(len(x)).split(32))
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, 3e-3, total_steps=steps)
    for _ in range(epochs):
        for part in torch.randperm(len(x), generator=chance).split(32):
            adam.zero_grad()
            cross_entropy(model(x[part]), y[part]).backward()
            adam.step()
            plan.step()
    return model.eval()


def main(argv: Sequence[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    chance = torch.Generator().manual_seed(options.seed)
    x, y = clips(options.clips, chance)
    unseen, answers = clips(200, chance)
    accuracy = {}
    for name, remember in (("encoder + LSTM", True), ("encoder + mean over frames", False)):
        torch.manual_seed(options.seed)
        model = train(Film(remember=remember), x, y, options.epochs, chance)
        with torch.no_grad():
            accuracy[name] = (model(unseen).argmax(1) == answers).float().mean().item()
        print(f"{name:28} {accuracy[name]:6.1%} of 200 new clips (chance 25 %)")
    return accuracy


if __name__ == "__main__":
    main()
