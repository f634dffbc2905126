"""Ways to a question: the list of all, its filter, its neighbours, the search."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from browsing import SETS, SITE, WATCH_MOVES, needs_site
from playwright.sync_api import Page, expect

pytestmark = needs_site

FOUND = "#found-questions li a"
QUESTIONS = "book/questions.html"
ROWS = """rows => rows.filter(row => row.checkVisibility()).map(row => {
  const texts = [...row.cells].map(cell => cell.textContent.trim());
  const [, number, title] = texts[0].match(/^(\\S+) (.*)/);
  const [difficulty, minutes, checks, errata] = texts.slice(2, 6).map(Number);
  const { href } = row.querySelector("a");
  const [set, topic, sheet] = texts.slice(6);
  const numbers = { difficulty, minutes, checks, errata };
  return { href, number, title, ...numbers, set, topic, sheet };
})"""
EXERCISES = """boxes => boxes.map(box => {
  const [, number, title] = box.querySelector(".admonition-title").textContent
    .match(/^Exercise (\\S+) +\\((.*)\\)/);
  const effort = box.textContent.match(/Difficulty (\\d), (\\d+) minutes/);
  const [difficulty, minutes] = effort.slice(1).map(Number);
  const ways = [...box.querySelectorAll(".neighbours a")]
    .map(link => [link.textContent, link.href]);
  const place = location.pathname.slice(1) + `#${box.id}`;
  const href = location.origin + "/" + place;
  const statement = box.querySelector("section").cloneNode(true);
  statement.querySelectorAll(".math, pre, a").forEach(e => e.remove());
  const text = statement.textContent;
  const topic = [...document.querySelectorAll("h1, h2, h3")]
    .findLast(heading => heading.compareDocumentPosition(box) & 4).textContent
    .replace(/^(Problem \\d+:|[\\d.]+) /, "").replace(/#$/, "");
  const printed = box.querySelector("em").textContent.match(/On the sheet: (.+)\\.$/);
  const sheet = printed?.[1].replace(/\\s+/g, " ") ?? "";
  const said = { number, title, difficulty, minutes, text, topic, sheet };
  return { id: box.id, place, href, ways, ...said };
})"""


def listed(page: Page) -> list[dict]:
    return page.locator("table.questions tbody tr").evaluate_all(ROWS)


@pytest.fixture(scope="module")
def exercises(still) -> list[dict]:
    """What the pages of the problem sets say, in the order of the book."""
    found = [still[name].locator(".exercise").evaluate_all(EXERCISES) for name in SETS]
    return [exercise for of_page in sorted(found, key=first) for exercise in of_page]


def first(exercises: list[dict]) -> list[int]:
    return [int(part) for part in exercises[0]["number"].split(".")]


def test_the_list_has_each_question_with_its_numbers(still, exercises):
    rows = listed(still[QUESTIONS])
    names = ("href", "number", "title", "difficulty", "minutes", "topic", "sheet")
    for row, exercise in zip(rows, exercises, strict=True):
        assert {n: row[n] for n in names} == {n: exercise[n] for n in names}
    summary = still["book/checks.html"].locator("article").inner_text()
    for name in ("checks", "errata"):
        total = re.search(rf"{name.capitalize()}: (\d+)", summary)[1]
        assert sum(row[name] for row in rows) == int(total)
    for name in (QUESTIONS, *SETS):  # without scripts
        assert still[name].locator(".filter *, .fold-all *").count() == 0


def test_next_and_previous_lead_once_through_all_questions(open_page, exercises):
    ways = [[] for _ in exercises]
    for k, (one, other) in enumerate(pairwise(exercises)):
        ways[k].append([f"Next question {other['number']}", other["href"]])
        ways[k + 1].append([f"Previous question {one['number']}", one["href"]])
    assert [exercise["ways"] for exercise in exercises] == ways
    page = open_page(SETS[0])
    expect(page.locator(".neighbours").first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".neighbours").first).not_to_be_visible()


def has(question: dict, *words: str) -> bool:
    text = " ".join(question[part] for part in ("title", "topic", "sheet")).lower()
    return all(word in text for word in words)


ASKED = {
    "words=the+GRADIENT": lambda q: has(q, "the", "gradient"),
    "words=kullback-leibler": lambda q: has(q, "kullback", "leibler"),
    "set=Image+classification": lambda q: q["set"] == "Image classification",
    "difficulty=3": lambda q: q["difficulty"] == 3,
    "minutes=15": lambda q: q["minutes"] <= 15,
    "words=the&difficulty=2&minutes=30": (
        lambda q: has(q, "the") and q["difficulty"] == 2 and q["minutes"] <= 30
    ),
}


def test_the_filter_shows_what_is_asked_and_the_address_keeps_it(open_page, base):
    page = open_page(QUESTIONS, base)
    everything = listed(page)
    controls = page.locator(".filter :is(input, select)")
    for query, fits in ASKED.items():
        expected = [question for question in everything if fits(question)]
        assert 0 < len(expected) < len(everything)
        for name, value in parse_qsl(query):
            control = page.locator(f".filter [name={name}]")
            is_list = control.evaluate("control => control.matches('select')")
            control.select_option(value) if is_list else control.fill(value)
        assert page.evaluate("location.href") == f"{base}{QUESTIONS}?{query}"
        for page_of_query in (page, open_page(f"{QUESTIONS}?{query}", base)):
            assert listed(page_of_query) == expected
            count = f"{len(expected)} of {len(everything)} questions"
            expect(page_of_query.locator(".filter output")).to_have_text(count)
        controls.evaluate_all("all => all.forEach(control => control.value = '')")
        controls.first.dispatch_event("input")
        assert page.evaluate("location.href") == base + QUESTIONS
        assert listed(page) == everything


def test_the_filter_works_by_key_and_passes_over_what_is_no_choice(open_page):
    page = open_page(f"{QUESTIONS}?set=none&sheep=1&minutes=7")
    number, reached = len(listed(page)), []
    assert number == page.locator("table.questions tbody tr").count()
    assert page.locator(".filter option:checked").all_inner_texts() == ["any"] * 4
    while "minutes" not in reached and len(reached) < 60:
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.name"))
    assert reached[-4:] == ["words", "set", "difficulty", "minutes"]
    page.keyboard.press("ArrowDown")
    shown = listed(page)
    assert len(shown) < number and all(q["minutes"] <= 15 for q in shown)
    for label in ("Words of the title", "Problem set", "Difficulty", "My marks"):
        expect(page.locator(".filter").get_by_label(label)).to_have_count(1)
    status = page.locator(".filter").get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    expect(status).to_have_text(f"{len(shown)} of {number} questions")
    page.get_by_label("Words of the title").press("Enter")
    expect(status).to_have_text(f"{len(shown)} of {number} questions")


# --------------------------------------------------------------------- the search


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{4,}", text.lower()))


def ids_found(page: Page, query: str) -> list[str]:
    return page.evaluate("query => findQuestions(query).map(q => q.id)", query)


def test_three_words_title_number_and_id_find_a_question(open_page, exercises):
    page = open_page("search.html")
    asked = Counter(word for e in exercises for word in words_of(e["text"]))
    missed, numbers = {}, {exercise["number"] for exercise in exercises}
    for exercise in exercises:
        rarest = sorted(words_of(exercise["text"]), key=lambda w: (asked[w], w))
        query = " ".join(reversed(rarest[:3]))
        found = ids_found(page, query)
        if exercise["id"] not in found[:5]:
            missed[exercise["id"]] = query, found[:5]
        assert exercise["id"] in ids_found(page, exercise["title"].upper())[:2]
        assert ids_found(page, f" {exercise['number']}") == [exercise["id"]]
        assert ids_found(page, exercise["id"]) == [exercise["id"]]
        if exercise["sheet"] and exercise["sheet"] not in numbers:
            assert exercise["id"] in ids_found(page, exercise["sheet"])
    assert len(exercises) > 90 and not missed
    # order, inflection and beginnings do not matter
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


def test_the_dialog_and_the_form_lead_to_the_search_and_that_to_the_list(open_page):
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
    query = "<img src=x onerror=alert(1)> sheep&set=1"
    field.fill(query)
    field.press("Enter")
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


def test_results_are_light_and_hardly_move_what_is_there(open_page):
    assert (SITE / "_static" / "questions.js").stat().st_size < 100_000
    page = open_page("search.html?q=gradient")
    expect(page.locator("#search-results li").first).to_be_visible()
    page.evaluate(WATCH_MOVES)
    page.wait_for_timeout(300)
    assert page.evaluate("moved") < 0.02
