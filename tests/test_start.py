"""The start page, and the page for an address that does not exist."""

import json
import re
from collections import Counter

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from browsing import PAGES, ROOT, SETS, SITE, needs_site
from playwright.sync_api import expect

START = "book/index.html"
NUMBERS = r"(\d+) questions, (\d+) checks, about (\d+) hours"
ADDRESS = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]["url"]
ROWS, TERMS = ".questions tbody tr", ("dt", "dd")
CELLS = """rows => rows.map(row => [row.querySelector("a").getAttribute("href"),
  ...[...row.cells].map(cell => cell.textContent.trim())])"""
KINDS = {
    "identity, proved": "are identities that sympy proved",
    "proved": "are statements proved",
    "enclosed": "are\\s+integrals",
    "gradient": "compare a gradient",
    "value": "compare computed numbers",
    "expectation": "compare an expectation",
    "bound": "try an inequality",
    "studies": "recorded studies",
}
pytestmark = needs_site


def test_counts_agree_with_the_pages_that_they_lead_to(still):
    start = still[START]
    checks = still["book/checks.html"].locator(".ledger tr[id^='ledger-']")
    refused = checks.locator("td:last-child").all_inner_texts()
    errata = still["book/errata.html"].locator(".erratum:not(.erratum-right)")
    files = [*ROOT.glob("results/studies/*.json")]
    runs = [len(json.loads(path.read_text("utf-8"))["runs"]) for path in files]
    terms, numbers = (start.locator(f".counts {k}").all_inner_texts() for k in TERMS)
    numbers = [int(number.replace(",", "")) for number in numbers]
    assert dict(zip(terms, numbers, strict=True)) == {
        "questions": still["book/questions.html"].locator(ROWS).count(),
        "checks": checks.count(),
        "altered claims refused": sum(map(int, refused)),
        "errata": errata.count(),
        "recorded runs": sum(runs),
    }
    for link in start.locator(".counts a").all():
        assert (SITE / "book" / link.get_attribute("href")).exists()
    text = start.locator("article").inner_text()
    how = checks.locator("td:nth-last-child(2)").all_inner_texts()
    kinds = Counter(
        [*(one.partition(":")[0] for one in how), *["studies"] * len(files)]
    )
    for kind, words in KINDS.items():
        assert int(re.search(rf"(\d+)\s+{words}", text)[1]) == kinds[kind], kind


def test_each_problem_set_has_a_card_with_its_numbers(still):
    rows = still["book/questions.html"].locator(ROWS).evaluate_all(CELLS)
    start = still[START]
    cards = start.locator(".problem-sets .sd-card")
    pages = cards.locator("a").evaluate_all("all => all.map(a => a.href)")
    assert sorted(page.split("/", 3)[3] for page in pages) == SETS
    for position, page in enumerate(pages):
        name = page.rpartition("/")[2]
        own = [row for row in rows if f"/{name}#" in row[0]]
        numbers = cards.nth(position).locator("p").last.inner_text()
        found = re.fullmatch(NUMBERS, numbers)
        minutes, checks = (sum(int(row[i]) for row in own) for i in (4, 5))
        expected = [len(own), checks, round(minutes / 60)]
        assert [*map(int, found.groups())] == expected
        title = cards.nth(position).locator(".sd-card-title").inner_text()
        assert title == f"{own[0][1].partition('.')[0]}. {own[0][7]}"


@pytest.mark.parametrize(
    ("width", "height", "last"),
    [(1280, 900, ".sd-card >> nth=-1"), (390, 800, ".counts dd >> nth=-1")],
)
def test_what_matters_is_in_the_first_view(open_page, width, height, last):
    page = open_page(START, viewport={"width": width, "height": height})
    box = page.locator(last).bounding_box()
    assert box["y"] + box["height"] <= height


def test_the_book_is_cited_as_its_file_says(open_page):
    source = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    section = open_page(START).locator("#how-to-cite")
    words, bibtex = section.locator("p").first, section.locator("pre")
    parts = source["title"], source["authors"][0]["name"], source["version"]
    for part in (*parts, str(source["date-released"].year), ADDRESS):
        expect(words).to_contain_text(part)
        expect(bibtex).to_contain_text(f"{{{part}}}")
    assert section.locator("button.copybtn").count() == 1


@pytest.mark.parametrize("name", [n for n in PAGES if n != "search.html"])
def test_a_page_describes_itself(name):
    head = (SITE / name).read_text("utf-8").partition("</head>")[0]
    described = re.findall(r'<meta name="description" content="(.*?)"', head)
    if name != "book/notation.html":  # begins with a formula
        assert len(described) == 1 and len(described[0]) > 20
        assert "\\" not in described[0] and described[0].endswith((".", "?"))
    assert "genindex" not in head


def test_a_lost_reader_finds_the_way_from_any_depth(open_page, still):
    root = f"/{ADDRESS.rpartition('/')[2]}/"
    page = still["404.html"]
    script = "all => all.map(e => e.getAttribute('href') ?? e.getAttribute('action'))"
    targets = page.locator("a, form").evaluate_all(script)
    for target in targets:
        assert target.startswith(root) and (SITE / target.removeprefix(root)).is_file()
    names = {target.removeprefix(root) for target in targets}
    assert {START, "book/questions.html", "search.html"} <= names
    assert page.locator("form input").get_attribute("name") == "q"
    page = open_page("404.html")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        results = Axe().run(page)
        assert not results.violations_count, results.generate_report()
