"""The growth of the book: what is copied, fitted and recorded."""

import json
import shutil

import numpy as np
import pytest
from browsing import ROOT

from helpers import results
from tools.measure import growth
from tools.source.model import Book


def test_a_book_of_copies_has_sets_that_are_alike(tmp_path):
    for name in ("book", "notebooks"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "_config.yml", tmp_path)
    growth.write_book(tmp_path, 30)
    book, one = Book(tmp_path), Book().questions["gr-3-1"]
    assert not any(page.faults for page in book.pages.values())
    assert [page.name[-2:] for page in book.notebooks[::10]] == ["_1", "11", "21"]
    assert len(book.questions) == 30 * 5
    found = [q for q in book.questions.values() if q.id.endswith(one.id[2:])]
    assert len({q.id for q in found}) == len(found) == 30
    for question in found:
        assert question.topic == one.topic and question.minutes == one.minutes
        for parts in ("hints", "errata", "cells"):
            assert len(getattr(question, parts)) == len(getattr(one, parts))


@pytest.mark.parametrize("power", [1, 2])
def test_the_exponent_of_a_power_is_found_and_its_interval_tells_it(power):
    """Rounds differ by 15 %, as they did when this was measured."""
    busy = np.random.default_rng(0).normal(1, 0.15, (5, 41))
    for noise, width in ((np.ones((5, 41)), 1e-6), (busy, 0.5)):
        runs = [
            {"config": {"sets": n}, "seed": r, "values": {"t": 3 * n**power * row[n]}}
            for r, row in enumerate(noise)
            for n in growth.SIZES
        ]
        found = growth.exponents(results.Runs(runs))
        assert found["half width of t"] < width
        assert found["exponent of t"] == pytest.approx(power, abs=width)


def test_no_part_of_the_record_grows_faster_than_the_book():
    """As the page says, up to its interval."""
    record = json.loads((ROOT / "results/measured/scale.json").read_text("utf-8"))
    names = [n.removeprefix("exponent of ") for n in record if n.startswith("exp")]
    assert set(growth.PARTS) < set(names)
    for name in names:
        slowest = record[f"exponent of {name}"] - record[f"half width of {name}"]
        assert slowest <= 1, name
