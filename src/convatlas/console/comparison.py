"""Runs comparisons and ablations, and what these leave: results.json, results.csv, report.html, the table in the terminal."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from . import follow_progress
from .terminal import dump, resume_words, show, table, telling_what_is_kept

if TYPE_CHECKING:
    from pathlib import Path

    from ..studies.ablate import Ablation
    from ..studies.compare import Comparison
    from ..views.report import Section

LOOKED_AT = ("features", "gradients")  # looks at the best and the worst of an ablation


def run_study(
    study: "Comparison", name: str, print_results: Callable[[Any, bool, bool], bool], quiet: bool, as_json: bool
) -> bool:
    """Trains what is not yet trained, with its progress, and prints the results; whether any network was trained.

    Raises   KeyboardInterrupt that says what is kept and how the command of this name goes on
    """
    with telling_what_is_kept(lambda: resume_words(name, study.folder)):
        with follow_progress("", quiet or as_json) as watch:
            for event in study.run():
                watch(event)
        return print_results(study, quiet, as_json)


def print_comparison(comparison: "Comparison", quiet: bool, as_json: bool) -> bool:
    """Writes results.json, results.csv and report.html, prints the table, says where they are; whether any was trained."""
    from ..views.verdict import verdict

    began = time.perf_counter()
    results = comparison.results()
    report = write_files(comparison, results)
    if as_json:
        dump(results)
        return any_trained(results)
    print_rows(results, with_tests=not quiet)
    if not quiet:
        print(f"\n{verdict(results)}\n\nreport in {time.perf_counter() - began:.1f} s")
    print(f"report {report}")
    return any_trained(results)


def print_ablation(ablation: "Ablation", quiet: bool, as_json: bool) -> bool:
    """As of a comparison, with what each factor did, in a table, in pictures and in words."""
    from ..views.effect_words import base_words, effect_verdict, match_words

    results = ablation.results()
    report = write_files(ablation, results, tuple(effect_sections(ablation, results)))
    if as_json:
        dump(results)
        return any_trained(results)
    print_rows(results, with_tests=False)
    print_effects(results["effects"])
    for words in filter(None, (base_words(results), match_words(results))):
        print(words)
    if not quiet:
        print(f"\n{effect_verdict(results['effects'])}\n\n{results['effects']['limits']}\n")
    print(f"report {report}")
    return any_trained(results)


def any_trained(results: Mapping[str, Any]) -> bool:
    """Whether a network of a comparison has come to its end, with all seeds."""
    return any(network["status"] != "failed" for network in results["networks"])


def write_files(comparison: "Comparison", results: Mapping[str, Any], sections: Sequence["Section"] = ()) -> "Path":
    """Writes results.json, results.csv and report.html."""
    from ..files import write_json
    from ..studies.figures import held_out_pixels
    from ..views.report import write
    from ..views.table import write_csv

    write_json(comparison.folder / "results.json", results)
    write_csv(results, comparison.folder / "results.csv")
    pixels = held_out_pixels(comparison.data(comparison.recipes[0]), results["networks"])
    return write(results, pixels, comparison.folder / "report.html", sections)


def print_rows(results: Mapping[str, Any], *, with_tests: bool) -> None:
    """One row per network, then what failed and, if wanted, the paired tests."""
    from ..views import table as tables

    columns = tables.columns(results)
    shown = table(results["kind"], *(" ".join(filter(None, (c.measure.header, c.measure.unit))) for c in columns))
    for i, network in enumerate(results["networks"]):
        if network["status"] == "failed":
            continue
        cells = [Text(f"{c.cells[i].text}{' ' + c.cells[i].spread if c.cells[i].spread else ''}",
                      style="bold" if c.cells[i].best else "") for c in columns]  # fmt: skip
        shown.add_row(Text(network["name"]), *cells)
    show(shown)
    if words := tables.load_words(results):
        print(words)
    for network in results["networks"]:
        if network["status"] == "failed":
            print(f"{network['name']} failed: {network['error']}")
        elif network["against_best"] and with_tests:
            print(network["against_best"]["words"])


def print_effects(effects: Mapping[str, Any]) -> None:
    """One row per level of each factor: the difference to the base, with its interval, in percentage points."""
    from ..views.effects import ends_text, signed_points

    shown = table("level", "against", "difference", "95 % interval", "pairs")
    for effect in effects["main"]:
        style = "bold" if effect["excludes_zero"] else ""
        cells = (effect["base"], signed_points(effect["difference"]), ends_text(effect["interval"]), str(effect["pairs"]))
        shown.add_row(f"{effect['factor']}={effect['level']}", *(Text(cell, style=style) for cell in cells))
    show(shown)


def effect_sections(ablation: "Ablation", results: Mapping[str, Any]) -> Iterator["Section"]:
    """The sections that an ablation's report has besides those of a comparison."""
    from ..views.effect_words import base_words, effect_verdict, match_words
    from ..views.effects import describe, interactions, main_effects
    from ..views.report import Section

    effects = results["effects"]
    said = (base_words(results), effect_verdict(effects), match_words(results), effects["limits"])
    words = " ".join(filter(None, said))
    drawn = [("Main effects", main_effects(effects), describe(effects["main"]))] if effects["main"] else []
    if effects["tables"]:
        drawn.append(("Interactions", interactions(effects), describe(effects["interactions"])))
    yield Section("effects", "What mattered", words, tuple(drawn))
    pictures = tuple(pictures_of_extremes(ablation, results))
    if pictures:
        note = "Feature maps of one held-out image and gradients in the first steps of training, of the best and the worst."
        yield Section("extremes", "The best and the worst", note, pictures)


def pictures_of_extremes(ablation: "Ablation", results: Mapping[str, Any]) -> Iterator[tuple[str, Any, str]]:
    """Title, figure and caption of the looks at the best and the worst variation, the first seed of each."""
    from ..errors import InputError
    from ..looks import draw_look
    from ..runs.network import NetworkRequest
    from ..studies.subject import open_subject
    from ..views.verdict import ranking

    order = ranking(results)
    recipes = {name: recipe for recipe, name in ablation.names.items()}
    for network in (order[0], order[-1]) if len(order) > 1 else ():
        trial, *_ = ablation.trials(recipes[network["name"]])
        subject = open_subject(NetworkRequest(str(trial.folder)))
        for look in LOOKED_AT:
            try:
                for picture in draw_look(subject, look):
                    yield f"{network['name']}: {look}", picture.figure, picture.caption
            except InputError as error:
                yield f"{network['name']}: {look}", None, str(error)
