"""What `convatlas tune --folds` shows."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.text import Text

from ..errors import count_of
from .terminal import dump, resume_words, show, table, telling_what_is_kept

if TYPE_CHECKING:
    from ..engine.task import Measure
    from ..studies.folds import CrossValidation


def cross_validate(folds: "CrossValidation", quiet: bool, as_json: bool) -> None:
    """Trains the folds, then prints their figures."""
    from . import follow_progress

    kept = telling_what_is_kept(lambda: resume_words("tune", folds.folder))
    with kept, follow_progress(folds.recipe.model, quiet or as_json) as watch:
        for event in folds.run():
            watch(event)
    results = folds.results()
    if as_json:
        dump(results | {"folder": str(folds.folder)})
        return
    decides = folds.task.measures[0]
    if "confusion" in results:
        shown = table("class", "images", "right %")
        each = zip(results["classes"], results["confusion"], results[f"per_class_{decides.key}"], strict=True)
        for name, row, share in each:
            shown.add_row(Text(name), f"{sum(row):,}", f"{100 * share:.1f}")
        show(shown)
    once = results["held_out_once"]
    print(f"validation {over_folds(decides, results[f'val_{decides.key}'])}")
    whole = folds.task.image_measure
    of = "" if whole is decides else f"{whole.noun} "
    print(f"each image held out once {of}{whole.write(once[whole.key]):>8}   n = {once['n']:,}")
    if results[f"test_{decides.key}"]["n"]:
        print(f"test {over_folds(decides, results[f'test_{decides.key}'])}")
    print(f"folder {folds.folder}")


def over_folds(measure: "Measure", values: Mapping[str, Any]) -> str:
    """Mean and standard deviation over folds."""
    return f"{measure.write(values['mean']):>8} ± {measure.write(values['sd'] or 0)} over {count_of(values['n'], 'fold')}"
