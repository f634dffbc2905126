"""The search: what leads to a question, by its words, its number or its id."""

from __future__ import annotations

import re
from collections import Counter
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import SETS, SITE, WATCH_MOVES, needs_site
from playwright.sync_api import Page, expect

pytestmark = needs_site

FOUND = "#found-questions li a"
EXERCISES = """boxes => boxes.map(box => {
  const [, number, title] = box.querySelector(".admonition-title").textContent
    .match(/^Exercise (\\S+) +\\((.*)\\)/);
  const statement = box.querySelector("section").cloneNode(true);
  statement.querySelectorAll(".math, pre, a").forEach(e => e.remove());
  return { id: box.id, number, title, text: statement.textContent };
})"""


@pytest.fixture(scope="module")
def exercises(still) -> list[dict]:
    """What the pages of the problem sets ask."""
    return [
        {**exercise, "place": f"{name}#{exercise['id']}"}
        for name in SETS
        for exercise in still[name].locator(".exercise").evaluate_all(EXERCISES)
    ]


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def ids_found(page: Page, query: str) -> list[str]:
    return page.evaluate("query => findQuestions(query).map(q => q.id)", query)


def test_three_words_of_a_statement_find_its_question(open_page, exercises):
    page = open_page("search.html")
    asked = Counter(word for e in exercises for word in words_of(e["text"]))
    missed = {}
    for exercise in exercises:
        rarest = sorted(words_of(exercise["text"]), key=lambda w: (asked[w], w))
        query = " ".join(reversed(rarest[:3]))
        found = ids_found(page, query)
        if exercise["id"] not in found[:5]:
            missed[exercise["id"]] = query, found[:5]
    assert len(exercises) > 90 and not missed


def test_title_number_and_id_find_a_question(open_page, exercises):
    page = open_page("search.html")
    for exercise in exercises:
        assert exercise["id"] in ids_found(page, exercise["title"].upper())[:2]
        assert ids_found(page, f" {exercise['number']}") == [exercise["id"]]
        assert ids_found(page, exercise["id"]) == [exercise["id"]]


def test_order_inflection_and_beginnings_do_not_matter(open_page):
    page = open_page("search.html")
    for one, other in (
        ("receptive field", "fields receptive"),
        ("saturated softmax", "the softmax saturates"),
        ("kullback", "KULLB"),
    ):
        assert ids_found(page, one) == ids_found(page, other) != []
    assert set(ids_found(page, "variance mean")) < set(ids_found(page, "variance"))
    for nothing in ("", "of the", "7", "sheep", "__proto__", "(", "constructor"):
        assert ids_found(page, nothing) == []


def test_results_lead_to_the_questions(open_page, exercises, base):
    page = open_page("search.html?q=receptive+field", base)
    results = page.locator(FOUND)
    expect(page.locator("#search-results li").first).to_be_visible()
    places = {exercise["place"]: exercise for exercise in exercises}
    for link in results.all():
        exercise = places[link.get_attribute("href")]
        assert link.inner_text() == f"{exercise['number']} {exercise['title']}"
        expect(link.locator("+ span")).to_contain_text(" · ")
    status = page.locator("#found-questions").get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    expect(status).to_have_text(f"{results.count()} questions")
    above = page.locator("#found-questions").bounding_box()
    below = page.locator("#search-results").bounding_box()
    assert above["y"] + above["height"] <= below["y"]
    target = places[results.first.get_attribute("href")]["id"]
    results.first.click()
    expect(page.locator(f"#{target}")).to_be_in_viewport(timeout=20_000)


def test_the_dialog_and_the_form_lead_to_the_search(open_page):
    page = open_page("book/about.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("saturated softmax")
    page.keyboard.press("Enter")
    expect(page.locator(FOUND).first).to_be_visible()
    first = page.locator(FOUND).first.inner_text()
    field = page.locator("article input[name=q]")
    expect(field).to_be_focused()
    expect(field).to_have_value("saturated softmax")
    field.fill("receptive field")
    field.press("Enter")
    page.wait_for_url(re.compile(r"\?q=receptive\+field"))
    expect(page.locator(FOUND).first).not_to_have_text(first)


def test_what_no_question_has_leads_to_the_list_and_is_shown_as_text(open_page):
    query = "<img src=x onerror=alert(1)> sheep&set=1"
    page = open_page("search.html")
    page.locator("article input[name=q]").fill(query)
    page.keyboard.press("Enter")
    expect(page.locator("#found-questions output")).to_have_text("0 questions")
    assert page.locator("article img").count() == 0
    link = page.locator("#found-questions a")
    asked = parse_qs(urlsplit(link.get_attribute("href")).query)
    assert asked == {"words": [query]}
    link.click()
    expect(page.get_by_label("Words of the title")).to_have_value(query)


def test_without_a_query_or_scripts_nothing_is_listed_but_the_list(open_page):
    page = open_page("search.html?q=+")
    assert page.locator("#found-questions li, #found-questions h2").count() == 0
    page = open_page("search.html", java_script_enabled=False)
    expect(page.locator("article noscript p")).to_be_visible()
    page.locator("article a[href='book/questions.html']").click()
    expect(page.locator("table.questions")).to_be_visible()


def test_results_hardly_move_what_is_there(open_page):
    page = open_page("search.html?q=gradient")
    expect(page.locator("#search-results li").first).to_be_visible()
    page.evaluate(WATCH_MOVES)
    page.wait_for_timeout(300)
    assert page.evaluate("moved") < 0.02


def test_what_the_search_loads_is_small():
    assert (SITE / "_static" / "questions.js").stat().st_size < 100_000
