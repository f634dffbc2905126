"""The list of all questions, and the ways between them."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from browsing import SETS, needs_site
from playwright.sync_api import Page, expect

pytestmark = needs_site


QUESTIONS = "book/questions.html"
ROWS = """rows => rows.filter(row => row.checkVisibility()).map(row => {
  const texts = [...row.cells].map(cell => cell.textContent.trim());
  const [, number, title] = texts[0].match(/^(\\S+) (.*)/);
  const [difficulty, minutes, checks, errata] = texts.slice(2, 6).map(Number);
  const { href } = row.querySelector("a");
  const [set, topic] = texts.slice(6);
  return { href, number, title, difficulty, minutes, checks, errata, set, topic };
})"""
EXERCISES = """boxes => boxes.map(box => {
  const [, number, title] = box.querySelector(".admonition-title").textContent
    .match(/^Exercise (\\S+) +\\((.*)\\)/);
  const effort = box.textContent.match(/Difficulty (\\d), (\\d+) minutes/);
  const [difficulty, minutes] = effort.slice(1).map(Number);
  const ways = [...box.querySelectorAll(".neighbours a")]
    .map(link => [link.textContent, link.href]);
  const href = location.origin + location.pathname + `#${box.id}`;
  const topic = [...document.querySelectorAll("h1, h2, h3")]
    .findLast(heading => heading.compareDocumentPosition(box) & 4).textContent
    .replace(/^(Problem \\d+:|[\\d.]+) /, "").replace(/#$/, "");
  return { href, number, title, difficulty, minutes, ways, topic };
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
    names = ("href", "number", "title", "difficulty", "minutes", "topic")
    for row, exercise in zip(rows, exercises, strict=True):
        assert {n: row[n] for n in names} == {n: exercise[n] for n in names}
    summary = still["book/checks.html"].locator("article").inner_text()
    for name in ("checks", "errata"):
        total = re.search(rf"{name.capitalize()}: (\d+)", summary)[1]
        assert sum(row[name] for row in rows) == int(total)


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
    text = f"{question['title']} {question['topic']}".lower()
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


def test_the_filter_passes_over_what_is_no_choice(open_page):
    page = open_page(f"{QUESTIONS}?set=none&sheep=1&minutes=7")
    assert len(listed(page)) == page.locator("table.questions tbody tr").count()
    chosen = page.locator(".filter option:checked").all_inner_texts()
    assert chosen == ["any"] * 4


def test_the_filter_works_by_key_and_says_how_many(open_page):
    page = open_page(QUESTIONS)
    number, reached = len(listed(page)), []
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


def test_without_scripts_there_is_no_filter_and_no_button(still):
    for name in (QUESTIONS, *SETS):
        assert still[name].locator(".filter *, .fold-all *").count() == 0
