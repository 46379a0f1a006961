"""Writes docs/reference/verify.md: every network of the catalog compared with its reference. Takes minutes.

python docs/write/verdicts.py [--quick]
"""

import sys
from importlib.metadata import version
from pathlib import Path

from convatlas.catalog import ROWS
from convatlas.files import write_text
from convatlas.models import CATALOG
from convatlas.verify import Verdict, summary, verify
from convatlas.views.numbers import count

PAGE = Path(__file__).parents[1] / "reference" / "verify.md"
HEAD = """\
# Verified

`convatlas verify` compares every network with a reference that is installed on the same machine: torchvision; for networks
that it lacks, timm or pytorchcv (`pip install 'convatlas[verify]'`); otherwise the numbers of the paper.
Written by `make docs` with {versions}.

**{summary}**

- **Layout**: parameters, names and their order, shapes, types; multiply-accumulates against the published figure, or counted in
  both; the paper's own numbers and its table of output sizes.
- **Values**: random weights are loaded strictly, theirs into ours and ours into theirs; they are drawn so that every scale,
  norm and bias has an effect. Then logits in evaluation and in training, including those of auxiliary heads, every gradient
  and the statistics of norms are compared on two random images. With torchvision all of it should agree to the last bit,
  dropout too. What does not is computed again with 64 bits, which make rounding errors smaller, but not mistakes. The other
  libraries add in other orders, so both networks compute with 64 bits from the start, and without dropout. PyTorch's fused
  attention kernel, which rounds differently, is switched off.
- **Difference**: the largest difference between two tensors, relative to the largest entry of the reference's.

```console
$ convatlas verify
$ convatlas verify 'resnet*' --memory 8GB --html certificate.html
```

The exit code is 1 if there is an unexplained difference. Networks that do not fit into the allowed memory and missing
libraries are reported.

| network | compared with | parameters | MACs | difference | verdict |
|---|---|---:|---:|---:|---|"""


def row(verdict: Verdict) -> str:
    """A line of the table."""
    apart = "" if verdict.difference is None else f"{verdict.difference:.0e}" if verdict.difference else "0"
    cells = (verdict.name, verdict.reference, f"{verdict.parameters:,}", count(ROWS[verdict.name].macs), apart, str(verdict))
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
