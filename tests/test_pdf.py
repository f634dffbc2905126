"""The PDF of a small book, and a page as a reader prints it."""

from __future__ import annotations

import io
import re

import pytest
from browsing import SETS, needs_site
from pypdf import PdfReader
from small_book import PAGE, Book

PDF = "deep-learning-solutions.pdf"
FIGURE = """
```{hint} Hint 1
:class: dropdown

Look at what folds.
```

```{code-cell} ipython3
---
mystnb: {image: {alt: A black square}}
---
SVG("<svg xmlns='http://www.w3.org/2000/svg'><rect width='9' height='9'/></svg>")
```

See {ref}`sm-2` and [the ledger](../book/checks.md), $\\frac{1}{2}$.

```{solution-start} sm-1
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory, browser):
    book = Book(tmp_path_factory.mktemp("book"))
    source = book.read(PAGE).replace("\n```{solution-start} sm-1\n", FIGURE)
    book.write(PAGE, source)
    book.build()
    assert "The book is in" in book.build("-m", "tools", "pdf")
    return book


@pytest.fixture(scope="module")
def pdf(book):
    assert not list((book.root / "_build").glob("*.tmp"))
    return PdfReader(book.root / "_build" / PDF)


def titles(outline):
    """The entries of an outline as (level, title)."""
    for entry in outline:
        if isinstance(entry, list):
            yield from ((level + 1, title) for level, title in titles(entry))
        else:
            yield 1, entry.title


def test_outline_has_pages_and_questions(pdf):
    found = list(titles(pdf.outline))
    assert (1, "1. A small problem set") in found
    assert (2, "Problem 1: Squares") in found
    assert (3, "Exercise 1.2 (A matter of taste)") in found
    assert [title for level, title in found if level == 1][-1] == "About this book"


def test_title_language_tags_and_alternatives_of_figures_and_formulas(pdf):
    root = pdf.trailer["/Root"]
    assert pdf.metadata.title == "Deep Learning, Solved and Checked"
    assert pdf.metadata.author == "The authors of the book"
    assert root["/Lang"] == "en" and root["/MarkInfo"]["/Marked"]
    objects = map(pdf.get_object, range(1, pdf.trailer["/Size"]))
    found = [o for o in objects if isinstance(o, dict) and "/S" in o and "/P" in o]
    kinds = {"/H1", "/H2", "/P", "/Table", "/TH", "/Link", "/Figure"}
    assert kinds <= {tag["/S"] for tag in found}
    alternatives = {"A black square", r"\frac{1}{2}", r"x^2 = x \cdot x"}
    assert alternatives <= {tag.get("/Alt") for tag in found}


def test_all_is_open_and_set_and_no_control_is_printed(pdf):
    text = "\n".join(page.extract_text() for page in pdf.pages)
    assert "Look at what folds." in text and "Because." in text
    assert re.search(r'check\.value\("sm-1", 3 \* 3, 9,', text)
    assert not re.search(r"\$|\\frac|\\cdot|\\\(|\\\[", text)
    for control in ("Open all", "Close all", "Next question", "Previous"):
        assert control not in text
    assert not re.search(r"#(?!L\d)", text)  # but in an address of the source


def test_pages_are_a4_with_numbers_which_the_contents_give(pdf):
    for page in pdf.pages:
        assert [round(side / 72 * 25.4) for side in page.mediabox[2:]] == [210, 297]
    numbers = [re.search(r"^\d+$", page.extract_text(), re.M) for page in pdf.pages]
    assert [n and int(n[0]) for n in numbers] == [None, *range(2, len(numbers) + 1)]
    contents = pdf.pages[1].extract_text()
    about = int(re.search(r"About this book\s+(\d+)", contents)[1])
    assert pdf.pages[about - 1].extract_text().startswith("About this book")
    [set_begins] = [e for e in pdf.outline if getattr(e, "title", "").startswith("1. ")]
    stated = re.search(r"1\. A small problem set\s+(\d+)", contents)[1]
    assert int(stated) == pdf.get_destination_page_number(set_begins) + 1


def test_links_stay_inside_and_arrive(pdf):
    places = {name.lstrip("/") for name in pdf.named_destinations}
    notes = [n.get_object() for page in pdf.pages for n in page.get("/Annots", [])]
    inside = {str(note["/Dest"]).lstrip("/") for note in notes if "/Dest" in note}
    outside = {note["/A"]["/URI"] for note in notes if "/A" in note}
    assert {"book/checks", "notebooks/small.sm-2", "book/checks.sm-1"} <= inside
    assert inside <= places
    assert outside and all(address.startswith("https://") for address in outside)


def test_next_build_offers_it(book):
    assert PDF not in book.html("notebooks/small")
    book.build()
    assert f'href="../{PDF}"' in book.html("notebooks/small")
    assert (book.root / "_build" / "html" / PDF).exists()


WIDER_THAN_THE_PAPER = """() => [...document.querySelectorAll(
  ".bd-article :is(math, table, pre, img, p)"
)].filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
  .map((element) => element.textContent)"""


@needs_site
def test_page_is_printed_light_open_and_without_controls(open_page):
    page = open_page(SETS[0], color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("html[data-theme=light]").count() == 1
    assert page.locator("details:not([open])").count() == 0
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 612, "height": 900})  # A4 without margins
    assert page.evaluate(WIDER_THAN_THE_PAPER) == []
    assert page.get_by_role("button").count() == 0
    assert page.locator(".neighbours:visible, .headerlink:visible").count() == 0
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("html[data-theme=dark]").count() == 1
    assert page.locator("details[open]").count() == 0


@needs_site
def test_print_of_the_list_of_questions_has_only_the_list(open_page):
    page = open_page("book/questions.html", color_scheme="dark")
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    lines = printed.pages[0].extract_text().splitlines()
    assert {"1", "All questions"} == set(lines[:2])
    assert re.match(r"1\.1 .* 1 \d+ ", next(line for line in lines if "1.1" in line))
    for control in ("Words of the title", "Skip to", "Previous", "Search", "\uf002"):
        assert control not in "\n".join(lines)
    assert page.locator("html[data-theme=dark]").count() == 1
