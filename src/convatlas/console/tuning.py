"""What `convatlas tune --folds` shows."""

from typing import TYPE_CHECKING

from rich.text import Text

from .terminal import dump, show, table

if TYPE_CHECKING:
    from ..studies.folds import CrossValidation


def cross_validated(folds: "CrossValidation", quiet: bool, as_json: bool) -> None:
    """Trains the folds, then prints what was found."""
    from . import watching

    with watching(folds.recipe.model, quiet or as_json) as watch:
        for event in folds.run():
            watch(event)
    results = folds.results()
    if as_json:
        dump(results | {"folder": str(folds.folder)})
        return
    shown = table("class", "images", "right %")
    for name, row, accuracy in zip(results["classes"], results["confusion"], results["per_class_accuracy"], strict=True):
        shown.add_row(Text(name), f"{sum(row):,}", f"{100 * accuracy:.1f}")
    show(shown)
    over, once, test = results["val_accuracy"], results["held_out_once"], results["test_accuracy"]
    print(f"validation {100 * over['mean']:6.2f} % ± {100 * (over['sd'] or 0):.2f} over {over['n']} folds")
    print(f"each image held out once {100 * once['accuracy']:6.2f} %   n = {once['n']:,}")
    if test["n"]:
        print(f"test {100 * test['mean']:6.2f} % ± {100 * (test['sd'] or 0):.2f} over {test['n']} folds")
    print(f"folder {folds.folder}")
