"""The growth of the book: what is generated, fitted and recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers import results
from tools.measure import growth
from tools.measure.building import Clone
from tools.source.model import Book

ROOT = Path(__file__).resolve().parent.parent


def test_a_generated_book_has_its_sets_which_are_always_the_same(tmp_path):
    words = growth.vocabulary()
    assert len(words) > 10_000 and "the" in words
    sets = [growth.problem_set(number, 10, words) for number in (1, 2, 3)]
    assert sets[0] == growth.problem_set(1, 10, words) != sets[1]
    lengths = [len(text.split()) for text in sets]
    assert lengths == pytest.approx([lengths[0]] * 3, rel=0.01)
    clone = Clone(str(tmp_path))
    growth.write_book(clone.root, sets)
    book = Book(clone.root)
    assert not [page.faults for page in book.pages.values() if page.faults]
    assert [page.name[-5:] for page in book.notebooks] == ["set_1", "set_2", "set_3"]
    assert len(book.questions) == 30
    for question in book.questions.values():
        assert len(question.hints) == 2 and len(question.errata) == 1
        assert sum(cell.body.count("check.") for cell in question.cells) == 3
    clone.insert("notebooks/set_1", 8, "Another sentence.")
    assert (
        "# Problem set 1\n\nAnother sentence.\nOne"
        in Book(clone.root).pages["notebooks/set_1"].text
    )


@pytest.mark.parametrize("power", [1, 2])
def test_the_exponent_of_a_power_is_found_and_its_interval_tells_it(power):
    """Rounds differ by 15 %, as they did when this was measured."""
    busy = np.random.default_rng(0).normal(1, 0.15, (5, 41))
    for noise, width in ((np.ones((5, 41)), 1e-6), (busy, 0.5)):
        values = [
            {
                "config": {"sets": n},
                "seed": r,
                "values": {"t": 3.0 * n**power * noise[r, n]},
            }
            for r in range(5)
            for n in growth.SIZES
        ]
        found = growth.exponents(results.Runs(values))
        assert found["half width of t"] < width
        assert found["exponent of t"] == pytest.approx(power, abs=width)


def test_growth_is_not_seen_in_two_sizes(capsys):
    with pytest.raises(SystemExit):
        growth.main(["--sets", "4", "8", "8"])
    assert "at least three sizes" in capsys.readouterr().err


def test_no_part_of_the_record_grows_faster_than_the_book():
    """As the page says, up to its interval."""
    record = json.loads((ROOT / "results/measured/scale.json").read_text("utf-8"))
    names = [n.removeprefix("exponent of ") for n in record if n.startswith("exp")]
    assert set(growth.PARTS) < set(names)
    for name in names:
        slowest = record[f"exponent of {name}"] - record[f"half width of {name}"]
        assert slowest <= 1, name
