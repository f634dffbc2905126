"""The growth of the book: what is generated, fitted and drawn."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from small_book import Book
from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "book/extensions")]
import bench_scale  # noqa: E402
import overview  # noqa: E402

from helpers import results  # noqa: E402


def test_a_generated_set_is_always_the_same_and_like_no_other():
    author = bench_scale.Author()
    first, second = author.write(1), author.write(2)
    assert first == bench_scale.Author().write(1) != second
    assert len(second.split()) == pytest.approx(len(first.split()), rel=0.01)
    for text, each in (("```{exercise}", 1), ("\ncheck.", 3), ("```{erratum}", 1)):
        assert first.count(text) == 10 * each


def test_a_generated_book_has_its_sets_and_all_pages(tmp_path):
    book = Book(tmp_path)
    bench_scale.write_sets(book, bench_scale.Author(1), 3)
    pages = [f"{page}.md" for page in parse_toc_yaml(tmp_path / "_toc.yml")]
    assert [page for page in pages if page.startswith("notebooks")] == [
        f"notebooks/set_{number}.md" for number in (1, 2, 3)
    ]
    assert all((tmp_path / page).exists() for page in pages)


@pytest.mark.parametrize("power", [1, 2])
def test_the_exponent_of_a_power_is_found(power):
    sizes = bench_scale.SIZES
    runs = [
        {"config": {"sets": n}, "seed": 0, "values": {"t": 3.0 * n**power}}
        for n in sizes
    ]
    found = bench_scale.growth(results.Runs(runs))
    assert found["exponent of t"] == pytest.approx(power)
    assert found["half width of t"] == pytest.approx(0, abs=1e-6)
    late = found["late over early cost of t"]
    assert late == pytest.approx(1) if power == 1 else late > 2


def test_a_fixed_cost_does_not_hide_what_grows_too_fast():
    runs = [
        {"config": {"sets": n}, "seed": 0, "values": {"t": 1000.0 + n**2}}
        for n in bench_scale.SIZES
    ]
    found = bench_scale.growth(results.Runs(runs))
    assert found["exponent of t"] < 1 and found["late over early cost of t"] > 2


def test_no_exponent_of_the_record_is_above_one_by_more_than_its_interval():
    record = json.loads((ROOT / "results/scale.json").read_text("utf-8"))
    exponents = [name for name in record if name.startswith("exponent of ")]
    assert len(exponents) > 10
    for name in exponents:
        half = record[name.replace("exponent", "half width")]
        assert record[name] - half <= 1, name


def test_the_picture_is_that_of_the_record(tmp_path):
    record = json.loads((ROOT / "results/scale.json").read_text("utf-8"))
    bench_scale.draw(record, tmp_path / "drawn.svg")
    drawn = (tmp_path / "drawn.svg").read_text("utf-8")
    assert drawn == bench_scale.PICTURE.read_text("utf-8"), "run `make bench-scale`"


def test_the_questions_are_sorted_once_for_all_that_ask():
    class Environment:
        sphinx_exercise_registry = {}

    environment = Environment()
    first = overview.questions(environment)
    assert overview.questions(environment) is first
    overview.count_anew(None, environment)
    assert overview.questions(environment) is not first
