"""Ways of a sceptic: claim to check, erratum to counterexample, number to run."""

import re
from collections import Counter

import pytest
from browsing import ROOT, SETS, needs_site
from playwright.sync_api import expect

from tools.source.model import Book

pytestmark = needs_site
LEDGER, ERRATA, RESULTS = (f"book/{n}.html" for n in ("checks", "errata", "results"))

ROWS = """rows => rows.map(row => {
  const [claim, how, altered] = [...row.cells].map(cell => cell.innerText.trim());
  const link = row.querySelector("a");
  return { id: row.id, href: link.href, claim: link.innerText, how };
})"""
LINES = """lines => lines.map(line => {
  const link = line.querySelector("a");
  const href = location.origin + location.pathname + `#${line.id}`;
  const claim = line.querySelector(".claim").textContent;
  const id = line.id.match(/^check-(.*)-\\d+$/)[1];
  return { href, id, claim, how: link.textContent, shows: link.title, back: link.href };
})"""
BOXES = """boxes => boxes.map(box => ({
  verdict: box.className.match(/erratum-(\\w+)/)[1],
  id: box.querySelector(".admonition-title").textContent.match(/Erratum ([\\w-]+)/)[1],
  checks: [...box.querySelectorAll(".erratum-links a")]
    .map(link => link.href).filter(href => href.includes("#check-")),
  part: box.closest("section").id,
}))"""
RULES = re.findall(r"^([\w -]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
TARGETS = " ".join(RULES).split()
USES = """links => links.map(link => {
  const boxes = [...document.querySelectorAll(".exercise")];
  const after = Node.DOCUMENT_POSITION_FOLLOWING;
  const box = boxes.findLast(box => box.compareDocumentPosition(link) & after);
  return [link.hash.slice(1), box?.id];
})"""
RECORDS = """sections => sections.map(section => {
  const field = name => [...section.querySelectorAll("dt")]
    .find(term => term.textContent.startsWith(name)).nextElementSibling;
  const used = [...field("Used in").querySelectorAll("a")];
  return {
    id: section.id,
    question: field("Question").querySelector("a")?.hash.slice(1),
    used: used.map(link => link.hash.slice(1)),
    command: field("Repeat").innerText,
  };
})"""


@pytest.fixture(scope="module")
def lines(still) -> dict[str, dict]:
    """What the pages say about their checks, by address."""
    found = [still[name].locator("p.check").evaluate_all(LINES) for name in SETS]
    return {line["href"]: line for of_page in found for line in of_page}


def test_each_claim_leads_to_its_check_and_back(still, lines):
    rows = still[LEDGER].locator("tr[id^=ledger-]").evaluate_all(ROWS)
    assert len(rows) == len(lines) > 0
    for row in rows:
        line = lines[row["href"]]
        assert line["claim"] == row["claim"]
        assert f"{line['how']}; {line['shows']}" == row["how"].split(": ", 1)[1]
        assert line["back"] == f"{still[LEDGER].url}#{row['id']}"


def test_the_ledger_fits_a_phone_and_the_key_leads_into_the_fold_and_back(open_page):
    page = open_page(LEDGER, viewport={"width": 390, "height": 800})
    for cell in page.locator(".ledger tr[id]").first.locator("td").all():
        box = cell.bounding_box()
        assert 300 < box["width"] and box["x"] + box["width"] <= 390
    claim = page.locator("tr[id^=ledger-] a").nth(5)
    id = page.locator("tr[id^=ledger-]").nth(5).get_attribute("id")
    claim.press("Enter")
    line = page.locator("p.check:target")
    expect(line).to_be_in_viewport()
    assert line.evaluate("line => line.closest('details').open")
    assert line.bounding_box()["y"] > 200, "the code above the line is to be seen"
    line.locator("a").press("Enter")
    expect(page.locator(f"[id='{id}']:target")).to_be_in_viewport()


def test_each_erratum_leads_to_its_checks_and_is_counted(still, lines):
    own = Counter(line["id"] for line in lines.values())
    errata = still[ERRATA].locator(".erratum").evaluate_all(BOXES)
    assert errata
    for erratum in errata:
        for address in erratum["checks"]:
            assert address in lines
        assert erratum["verdict"] != "wrong" or erratum["checks"], erratum
        if own[erratum["id"]]:
            asked = [lines[address]["id"] for address in erratum["checks"]]
            assert asked == [erratum["id"]] * own[erratum["id"]]
    beside = [still[name].locator(".erratum").evaluate_all(BOXES) for name in SETS]
    checks = {e["id"]: e["checks"] for of_page in beside for e in of_page}
    assert checks == {erratum["id"]: erratum["checks"] for erratum in errata}
    parts = Counter(erratum["part"] for erratum in errata)
    parts += Counter(erratum["verdict"] for erratum in errata)
    cells = still[ERRATA].locator(".verdicts td:nth-child(n + 2) a")
    script = "all => all.map(a => [a.hash.slice(1), +a.textContent])"
    assert dict(cells.evaluate_all(script)) == parts


def test_each_recorded_number_leads_to_its_record_which_can_be_repeated(still):
    sections = still[RESULTS].locator("section[id^=result-]")
    records = {record["id"]: record for record in sections.evaluate_all(RECORDS)}
    for name in SETS:
        for record, question in still[name].locator("a.recorded").evaluate_all(USES):
            assert question in records[record]["used"]
    rows = still[RESULTS].locator(".records tbody tr")
    script = "rows => rows.map(row => [...row.querySelectorAll('a')].map(a => a.hash))"
    assert rows.evaluate_all(script) == [
        [f"#{word}" for word in (r["id"], r["question"]) if word]
        for r in records.values()
    ]
    studies = {f"result-{name}": name for name in Book().studies}
    assert studies.keys() <= records.keys()
    for id, record in records.items():
        if id in studies:
            assert record["command"] == f"make results ONLY={studies[id]}"
        else:
            assert record["command"].removeprefix("make ") in TARGETS
