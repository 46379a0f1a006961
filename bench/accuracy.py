"""How good are the default recipes? Trains the networks of the table and writes docs/studies/accuracy.md.

Usage    python bench/accuracy.py --data-dir FOLDER [--runs runs/accuracy]      about 25 minutes on two cores
"""

import argparse
import subprocess
import sys
from pathlib import Path

from convatlas.engine.record import Run
from convatlas.files import write_text

ROOT = Path(__file__).parent.parent
TRIALS = (("lenet5", "mnist"), ("resnet20", "fashion_mnist"), ("resnet20", "cifar10"))


def row(run: Run) -> str:
    """One row of the table for a run."""
    metrics, machine = run.metrics, run.environment
    val, test = metrics["val"], metrics["test"]
    cells = (
        f"`convatlas train {run.recipe.model} --data {run.recipe.data}`",
        metrics["epochs"],
        f"{metrics['seconds'] / 60:.1f} min",
        f"{metrics['images_per_second']:,.0f}",
        f"{100 * val['accuracy']:.2f} % (n = {val['n']:,})",
        f"{100 * test['accuracy']:.2f} % (n = {test['n']:,})",
        f"{100 * test['calibration_error']:.2f} %",
        f"{machine['processor']}, {machine['threads']} threads, {machine['precision']}, torch {machine['torch']}",
    )
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", required=True, help="folder that holds the data sets")
    parser.add_argument("--runs", type=Path, default=Path("runs/accuracy"), help="folder of the runs; finished ones are reused")
    options = parser.parse_args()
    rows = []
    for model, data in TRIALS:
        folder = options.runs / f"{model}-{data}"
        if not (folder / "metrics.json").exists():
            what = (
                ["--resume"] if (folder / "recipe.json").exists() else [model, "--data", data, "--data-dir", options.data_dir]
            )
            subprocess.run([sys.executable, "-m", "convatlas", "train", *what, "--out", str(folder)], check=True)
        rows.append(row(Run.open(folder)))
    head = "| command | epochs | training | images/s | validation | test | calibration error | machine |"
    text = f"""# How good are the default recipes?

One run each with seed 0: a tenth of the training images is kept for validation, the test images are used once, with the
weights of the last epoch, without test-time augmentation. One run says nothing about the standard deviation over seeds;
`convatlas compare --seeds 5` measures it.

{head}
|---|---:|---:|---:|---:|---:|---:|---|
{chr(10).join(rows)}

Training time includes validation after each epoch. Written by `python bench/accuracy.py --data-dir FOLDER`.

Published weights: `resnet20` and `resnet56` with Y. Idelbayev's files have 91.73 % and 93.39 % accuracy on the CIFAR-10
test images, as published; `tests/parity/test_published_weights.py` measures it.
"""
    write_text(ROOT / "docs/studies/accuracy.md", text)


if __name__ == "__main__":
    main()
