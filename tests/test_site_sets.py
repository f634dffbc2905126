"""The pages of the problem sets: what a reader, a keyboard or a printer meets."""

from __future__ import annotations

import re

import pytest
from browsing import SETS, SHORTEST, SITE, needs_site, unfold
from playwright.sync_api import Page, expect

pytestmark = needs_site


def first_solution(page: Page):
    return page.locator("details.solution").first


def test_hints_and_solutions_open_and_close_by_click_and_key(open_page):
    page = open_page(SHORTEST)
    for kind in ("hint", "solution"):
        fold = page.locator(f"details.{kind}").first
        content = fold.locator("> :not(summary)").first
        expect(content).not_to_be_visible()
        fold.locator("> summary").click()
        expect(content).to_be_visible()
        fold.locator("> summary").press("Enter")
        expect(content).not_to_be_visible()
        page.keyboard.press("Space")
        expect(content).to_be_visible()


ADD_LINK = """id => document.querySelector("article").insertAdjacentHTML(
  "afterbegin", `<a id="try" href="#${id}">an equation</a>`)"""


def folded_equation(page: Page) -> str:
    """The last equation with a number that lies in a solution."""
    return page.locator(".solution div.math[id]").last.get_attribute("id")


def assert_shown(page: Page, id: str) -> None:
    target = page.locator(f'[id="{id}"]')
    expect(target.locator("math")).to_be_visible()
    expect(target).to_be_in_viewport()
    assert target.evaluate("t => t.closest('details').open")
    assert target.bounding_box()["y"] > 40, "hidden under the header of the page"


@pytest.mark.parametrize("name", SETS)
def test_addresses_and_links_open_what_they_lead_into_only(open_page, still, name):
    id = folded_equation(still[name])
    page = open_page(f"{name}#{id}")
    assert_shown(page, id)
    assert page.locator("details.solution").count() > 1
    assert page.locator("details.solution[open]").count() == 1
    assert page.locator("details.hint[open]").count() == 0
    page.evaluate("location.hash = ''")
    page.evaluate(ADD_LINK, id)
    for way in (
        lambda: page.evaluate("(id) => location.hash = id", id),
        page.locator("#try").click,  # the address does not change
        lambda: page.evaluate("scrollTo(0, 0); reveal()"),  # for other browsers
    ):
        unfold(page, False)
        way()
        assert_shown(page, id)
    exercises = page.locator(".exercise")
    links = exercises.locator(".admonition-title a.headerlink")
    expect(links.first).to_be_visible()
    targets = links.evaluate_all("all => all.map(link => link.hash.slice(1))")
    assert targets == exercises.evaluate_all("all => all.map(e => e.id)")


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("source", ["book/checks.html", "book/errata.html"])
def test_links_of_the_ledger_and_the_errata_lead_to_the_place(open_page, source, name):
    page = open_page(source)
    link = page.locator(f"article a[href*='{name}#']").last
    id = link.get_attribute("href").split("#")[1]
    link.click()
    expect(page.locator(f'[id="{id}"]')).to_be_in_viewport()


def test_everything_is_open_in_print_and_closed_again(open_page):
    page = open_page(SHORTEST)
    last = first_solution(page).locator("> :last-child")
    page.emulate_media(media="print")
    expect(last).to_be_visible()  # by the style alone
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.solution[open]").count() == 0


def test_everything_is_readable_without_javascript(open_page):
    page = open_page(SHORTEST, java_script_enabled=False)
    for kind in ("hint", "solution", "exercise"):
        for box in page.locator(f".{kind}.admonition").all()[:3]:
            expect(box.locator("> :last-child")).to_be_visible()
    expect(page.locator(".math").first).to_be_visible()


def test_page_reads_from_disk_and_leads_to_its_notebook_at_once(open_page):
    page = open_page(SHORTEST, base=SITE.as_uri() + "/")
    for text in WORDS:
        link = page.locator(".notebook a", has_text=text)
        expect(link).to_be_in_viewport()
    expect(page.locator("article math").first).to_be_visible()
    first_solution(page).locator("> summary").click()
    expect(first_solution(page).locator("> :not(summary)").first).to_be_visible()


# ------------------------------------------------------------------- the controls


WORDS = ("Open in Colab", "Download the notebook")
BUTTONS = "a[href*='colab.research']:not(.notebook a)", "a.btn-download-notebook-button"


@pytest.mark.parametrize("name", SETS)
def test_buttons_lead_to_the_notebook(still, name):
    notebook = name.replace(".html", ".ipynb")
    in_words = [still[name].locator(".notebook a", has_text=text) for text in WORDS]
    buttons = [still[name].locator(button) for button in BUTTONS]
    colab, download = (link.get_attribute("href") for link in in_words)
    assert [colab, download] == [button.get_attribute("href") for button in buttons]
    assert colab.endswith(f"/blob/main/{notebook}")
    source = (SITE / name).parent / download
    assert source.resolve() == SITE / "_sources" / notebook
    assert source.is_file()


def luminance(colour: str) -> float:
    """The relative luminance of `rgb(r, g, b)`, as WCAG defines it."""
    rgb = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_or_the_switch_and_are_legible(open_page, scheme):
    page = open_page(SHORTEST, color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    tick, ground = page.locator("p.check").first.evaluate(
        "p => [getComputedStyle(p, '::first-letter').color,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    low, high = sorted((luminance(tick), luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 4.5
    for _ in range(3):  # system, light, dark
        if page.locator("html").get_attribute("data-theme") == "dark":
            break
        page.locator(".theme-switch-button").first.click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    style = "i => [getComputedStyle(i).backgroundColor, getComputedStyle(i).filter]"
    for figure in page.locator("figure img").all()[:3]:
        assert figure.evaluate(style) == ["rgb(255, 255, 255)", "none"]
