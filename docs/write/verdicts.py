"""Writes docs/reference/verify.md: every network of the catalogue beside its reference, compared now. Takes minutes.

python docs/write/verdicts.py [--quick]
"""

import sys
from importlib.metadata import version
from pathlib import Path

from convatlas.catalog import ROWS
from convatlas.console.terminal import human
from convatlas.files import write_text
from convatlas.models import CATALOG
from convatlas.verify import Verdict, summary, verify

PAGE = Path(__file__).parents[1] / "reference" / "verify.md"
HEAD = """\
# Verified

`convatlas verify` compares every network with a reference that is installed where it runs: torchvision, for what it lacks timm
or pytorchcv (`pip install 'convatlas[verify]'`), and else the numbers its paper prints. Written by `make docs` with {versions}.

**{summary}**

- **Layout**: parameters, names and their order, shapes, types; multiply-accumulates against the published figure, or counted in
  both; the paper's own numbers and its table of output sizes.
- **Values**: random weights under which no scale, norm or bias goes unnoticed are loaded strictly, theirs into ours and ours
  into theirs. Then logits in evaluation and in training, those of auxiliary heads included, every gradient and the statistics
  that norms gather are compared on two random images. With torchvision all of it should agree to the last bit, dropout too;
  what does not is computed again with 64 bits, which make roundings smaller and mistakes not. The other libraries add in other
  orders: with them both compute with 64 bits at once, and without dropout.
  PyTorch's own attention is asked to go step by step in evaluation too, where a fused kernel would round otherwise.
- **Difference**: the largest between two tensors, relative to the largest entry of the reference's.

```console
$ convatlas verify
$ convatlas verify 'resnet*' --memory 8GB --html certificate.html
```

It ends with 1 if anything differs that is not meant. What does not fit into the memory allowed, and a library that is missing,
are said.

| network | compared with | parameters | MACs | difference | verdict |
|---|---|---:|---:|---:|---|"""


def row(verdict: Verdict) -> str:
    """A line of the table."""
    apart = "" if verdict.difference is None else f"{verdict.difference:.0e}" if verdict.difference else "0"
    cells = (verdict.name, verdict.reference, f"{verdict.parameters:,}", human(ROWS[verdict.name].macs), apart, str(verdict))
    return f"| {' | '.join(cells)} |"


def main() -> None:
    verdicts = []
    for verdict in verify(CATALOG, quick="--quick" in sys.argv):
        verdicts.append(verdict)
        print(f"{verdict.name}: {verdict}", flush=True)
    versions = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "timm", "pytorchcv"))
    write_text(PAGE, "\n".join([HEAD.format(versions=versions, summary=summary(verdicts)), *map(row, verdicts), ""]))


if __name__ == "__main__":
    main()
