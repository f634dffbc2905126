"""The site in a browser: what a reader, a keyboard or a printer meets."""

from __future__ import annotations

import re
import shutil
import threading
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect, sync_playwright

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"
PAGES = sorted(
    str(path.relative_to(SITE))
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts and path != SITE / "index.html"
)
SETS = [name for name in PAGES if name.startswith("notebooks/")]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {"resultTypes": ["violations"], "runOnly": WCAG, "preload": False}
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
    None,
)
pytestmark = pytest.mark.skipif(not PAGES, reason="no site; run `make book` first")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium
        if not CHROMIUM and not Path(chromium.executable_path).exists():
            pytest.skip("no Chromium: install it, or run `playwright install chromium`")
        flags = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


class Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    handler = partial(Handler, directory=SITE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture
def open_page(browser, server):
    """Open pages, and fail in the end if one had an error or asked a third party."""
    contexts, problems = [], []

    def open_page(name: str, base: str = server, **options) -> Page:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        contexts.append(browser.new_context(base_url=server, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("console", lambda m: m.type in ("error", "warning") and note(m.text))
        page.on("pageerror", lambda error: note(str(error)))
        page.on("request", lambda r: r.url.startswith((base, "data:")) or note(r.url))
        page.on("response", lambda r: r.status >= 400 and note(f"{r.status} {r.url}"))
        page.goto(base + name)
        return page

    note = problems.append
    yield open_page
    for context in contexts:
        context.close()
    assert not problems


def typeset(page: Page) -> None:
    """Wait until no formula is left raw."""
    page.wait_for_function("document.querySelector('.math.waiting') === null")
    assert page.locator(".math:not(:has(mjx-math))").all_inner_texts() == []


def unfold(page: Page, is_open: bool = True) -> None:
    script = "(is) => document.querySelectorAll('details').forEach(d => d.open = is)"
    page.evaluate(script, is_open)


# ------------------------------------------------------------------ every page


# axe's time grows with the square of the nodes: keep examples of what is repeated
THIN = """() => {
  for (const kind of ["div", "span"])
    [...document.querySelectorAll(`${kind}.math`)].slice(20)
      .forEach(math => math.textContent = 'x');
  const seen = new Set();
  for (const token of document.querySelectorAll("pre span[class]"))
    if (seen.has(token.className)) token.replaceWith(...token.childNodes);
    else seen.add(token.className);
  document.querySelectorAll("pre").forEach(pre => pre.normalize());
}"""


@pytest.mark.parametrize("name", PAGES)
def test_page_is_sound_narrow_and_accessible(open_page, name):
    page = open_page(name)
    assert page.locator("html").get_attribute("lang") == "en"
    assert len(page.title()) > 5
    icon = page.locator("link[rel=icon]").evaluate("link => link.href")
    assert page.request.get(icon).ok
    typeset(page)
    assert page.locator("mjx-merror").count() == 0
    unfold(page)
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(THIN)
    for scheme, width in (("light", 1280), ("dark", 390)):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for is_open in (False, True):
            unfold(page, is_open)
            results = Axe().run(page, options=AXE)
            report = f"{scheme}, folds open: {is_open}\n{results.generate_report()}"
            assert not results.violations_count, report


class Links(HTMLParser):
    """The ids of a page and what it links to or loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.ids, self.targets = set(), []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids.add(attrs.get("id"))
        self.targets += filter(None, (attrs.get("href"), attrs.get("src")))


def test_no_link_is_broken():
    pages = {(SITE / name).resolve(): Links(SITE / name) for name in PAGES}
    broken = []
    for path, links in pages.items():
        for target in map(urlsplit, links.targets):
            if target.scheme or target.netloc:
                continue
            file = path
            if target.path:
                file = (path.parent / unquote(target.path)).resolve()
            page = pages.get(file)
            lost = page and target.fragment and target.fragment not in page.ids
            if lost or not file.is_file():
                broken.append(f"{path.relative_to(SITE)}: {target.geturl()}")
    assert not broken


# ------------------------------------------------------------------------ folds


def first_solution(page: Page):
    return page.locator("details.solution").first


@pytest.mark.parametrize("name", SETS)
def test_hints_and_solutions_are_closed_and_open_by_click_and_key(open_page, name):
    page = open_page(name)
    assert page.locator("details.solution").count() > 0
    assert page.locator("details.solution[open], details.hint[open]").count() == 0
    for kind in ("hint", "solution"):
        fold = page.locator(f"details.{kind}").first
        content = fold.locator("> :not(summary)").first
        expect(content).not_to_be_visible()
        fold.locator("summary").click()
        expect(content).to_be_visible()
        fold.locator("summary").press("Enter")
        expect(content).not_to_be_visible()
        page.keyboard.press("Space")
        expect(content).to_be_visible()


def folded_equation(page: Page) -> str:
    """The last equation with a number that lies in a closed solution."""
    return page.locator("details.solution div.math[id]").last.get_attribute("id")


def assert_shown(page: Page, id: str) -> None:
    target = page.locator(f'[id="{id}"]')
    expect(target.locator("mjx-math")).to_be_visible()
    expect(target).to_be_in_viewport()
    assert target.evaluate("t => t.closest('details').open")
    assert target.bounding_box()["y"] > 40, "hidden under the header of the page"


@pytest.mark.parametrize("name", SETS)
def test_an_address_opens_the_fold_that_it_points_into(open_page, name):
    page = open_page(name)
    id = folded_equation(page)
    page.evaluate("(id) => location.hash = id", id)
    assert_shown(page, id)
    assert_shown(open_page(f"{name}#{id}"), id)
    unfold(page, False)
    page.evaluate("scrollTo(0, 0); reveal()")  # where the browser does not do it itself
    assert_shown(page, id)


@pytest.mark.parametrize("name", SETS)
def test_a_link_opens_the_fold_that_it_leads_into_each_time(open_page, name):
    page = open_page(name)
    id = folded_equation(page)
    page.evaluate(
        "id => document.querySelector('article').insertAdjacentHTML("
        "'afterbegin', `<a id='try' href='#${id}'>an equation</a>`)",
        id,
    )
    for _ in range(2):  # the second time the address does not change
        unfold(page, False)
        page.locator("#try").click()
        assert_shown(page, id)


@pytest.mark.parametrize("name", SETS)
def test_links_of_the_ledger_and_the_errata_lead_to_the_place(open_page, name):
    for source in ("book/checks.html", "book/errata.html"):
        page = open_page(source)
        link = page.locator(f"article a[href*='{name}#']").last
        id = link.get_attribute("href").split("#")[1]
        link.click()
        expect(page.locator(f'[id="{id}"]')).to_be_in_viewport()


@pytest.mark.parametrize("name", SETS)
def test_everything_is_open_in_print_and_closed_again(open_page, name):
    page = open_page(name)
    last = first_solution(page).locator("> :last-child")
    page.emulate_media(media="print")
    expect(last).to_be_visible()  # by the style alone
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.solution[open]").count() == 0


@pytest.mark.parametrize("name", SETS)
def test_everything_is_readable_without_javascript(open_page, name):
    page = open_page(name, java_script_enabled=False)
    for kind in ("hint", "solution", "exercise"):
        for box in page.locator(f".{kind}.admonition").all()[:3]:
            expect(box.locator("> :last-child")).to_be_visible()
    expect(page.locator(".math").first).to_be_visible()


@pytest.mark.parametrize("name", SETS)
def test_page_reads_from_disk(open_page, name):
    page = open_page(name, base=SITE.as_uri() + "/")
    expect(page.locator("article mjx-math").first).to_be_visible()
    first_solution(page).locator("summary").click()
    expect(first_solution(page).locator("> :not(summary)").first).to_be_visible()


# ------------------------------------------------------------------- the controls


@pytest.mark.parametrize("name", SETS)
def test_each_exercise_has_a_link_to_itself(open_page, name):
    exercises = open_page(name).locator(".exercise")
    links = exercises.locator(".admonition-title a.headerlink")
    expect(links.first).to_be_visible()
    targets = links.evaluate_all("all => all.map(link => link.hash.slice(1))")
    assert targets == exercises.evaluate_all("all => all.map(e => e.id)")


@pytest.mark.parametrize("name", SETS)
def test_buttons_lead_to_the_notebook(open_page, name):
    notebook = name.replace(".html", ".ipynb")
    page = open_page(name)
    colab = page.locator("a[href*='colab.research.google.com']")
    assert colab.get_attribute("href").endswith(f"/blob/main/{notebook}")
    download = page.locator("a.btn-download-notebook-button").get_attribute("href")
    source = (SITE / name).parent / download
    assert source.resolve() == SITE / "_sources" / notebook
    assert source.is_file()


def luminance(colour: str) -> float:
    """The relative luminance of `rgb(r, g, b)`, as WCAG defines it."""
    rgb = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_tick_is_legible(open_page, scheme):
    page = open_page(SETS[0], color_scheme=scheme)
    assert page.locator("html").get_attribute("data-theme") == scheme
    tick, ground = page.locator("p.check").first.evaluate(
        "p => [getComputedStyle(p, '::first-letter').color,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    low, high = sorted((luminance(tick), luminance(ground)))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_switch_changes_the_theme_and_figures_stay_on_white(open_page):
    page = open_page(SETS[0], color_scheme="light")
    for _ in range(3):  # system, light, dark
        if page.locator("html").get_attribute("data-theme") == "dark":
            break
        page.locator(".theme-switch-button").first.click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    style = "i => [getComputedStyle(i).backgroundColor, getComputedStyle(i).filter]"
    for figure in page.locator("figure img").all()[:3]:
        assert figure.evaluate(style) == ["rgb(255, 255, 255)", "none"]


@pytest.mark.parametrize("name", SETS)
def test_search_finds_the_page_by_a_word_of_a_question(open_page, name):
    title = open_page(name).locator(".exercise .admonition-title").first.inner_text()
    word = max(re.findall(r"\w+", title.partition("(")[2]), key=len)
    page = open_page(f"search.html?q={word}")
    result = page.locator(f"#search-results a[href*='{name}']").first
    expect(result).to_be_visible()


# ------------------------------------------------------------------ all questions

QUESTIONS = "book/questions.html"
ROWS = """rows => rows.filter(row => row.checkVisibility()).map(row => {
  const texts = [...row.cells].map(cell => cell.textContent.trim());
  const [, number, title] = texts[0].match(/^(\\S+) (.*)/);
  const [difficulty, minutes, checks, errata] = texts.slice(1, 5).map(Number);
  const { href } = row.querySelector("a");
  return { href, number, title, difficulty, minutes, checks, errata, set: texts[5] };
})"""
EXERCISES = """boxes => boxes.map(box => {
  const [, number, title] = box.querySelector(".admonition-title").textContent
    .replaceAll("’", "'").match(/^Exercise (\\S+) +\\((.*)\\)/);
  const effort = box.textContent.match(/Difficulty (\\d), (\\d+) minutes/);
  const [difficulty, minutes] = effort.slice(1).map(Number);
  const ways = [...box.querySelectorAll(".neighbours a")]
    .map(link => [link.textContent, link.href]);
  const href = location.origin + location.pathname + `#${box.id}`;
  return { href, number, title, difficulty, minutes, ways };
})"""


def listed(page: Page) -> list[dict]:
    return page.locator("table.questions tbody tr").evaluate_all(ROWS)


@pytest.fixture
def exercises(open_page) -> list[dict]:
    """What the pages of the problem sets say, in the order of the book."""
    pages = [open_page(name, java_script_enabled=False) for name in SETS]
    found = [page.locator(".exercise").evaluate_all(EXERCISES) for page in pages]
    return [exercise for of_page in sorted(found, key=first) for exercise in of_page]


def first(exercises: list[dict]) -> list[int]:
    return [int(part) for part in exercises[0]["number"].split(".")]


def test_the_list_has_each_question_with_its_numbers(open_page, exercises):
    rows = listed(open_page(QUESTIONS, java_script_enabled=False))
    names = ("href", "number", "title", "difficulty", "minutes")
    for row, exercise in zip(rows, exercises, strict=True):
        assert {n: row[n] for n in names} == {n: exercise[n] for n in names}
    summary = open_page("book/checks.html").locator("article").inner_text()
    for name in ("checks", "errata"):
        total = re.search(rf"{name.capitalize()}: (\d+)", summary)[1]
        assert sum(row[name] for row in rows) == int(total)


def test_next_and_previous_lead_once_through_all_questions(open_page, exercises):
    before = [None, *exercises[:-1]]
    after = [*exercises[1:], None]
    for exercise, previous, following in zip(exercises, before, after, strict=True):
        ways = (("Previous", previous), ("Next", following))
        assert exercise["ways"] == [
            [f"{word} question {other['number']}", other["href"]]
            for word, other in ways
            if other
        ]
    page = open_page(SETS[0])
    expect(page.locator(".neighbours").first).to_be_visible()
    page.emulate_media(media="print")
    expect(page.locator(".neighbours").first).not_to_be_visible()


def has(question: dict, *words: str) -> bool:
    return all(word in question["title"].lower() for word in words)


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


@pytest.mark.parametrize("base", ["server", "disk"])
def test_the_filter_shows_what_is_asked_for_and_the_address_keeps_it(
    open_page, server, base
):
    base = {"server": server, "disk": SITE.as_uri() + "/"}[base]
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
    assert chosen == ["any", "any", "any"]


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
    for label in ("Words of the title", "Problem set", "Difficulty", "Minutes"):
        assert page.locator(".filter").get_by_label(label).count() == 1
    status = page.get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    expect(status).to_have_text(f"{len(shown)} of {number} questions")
    page.get_by_label("Words of the title").press("Enter")
    expect(status).to_have_text(f"{len(shown)} of {number} questions")


def test_without_scripts_there_is_no_filter_and_no_button(open_page):
    for name in (QUESTIONS, *SETS):
        page = open_page(name, java_script_enabled=False)
        assert page.locator(".filter *, .fold-all *").count() == 0


@pytest.mark.parametrize("name", SETS)
def test_all_solutions_open_and_close(open_page, name):
    page = open_page(name)
    page.set_default_timeout(60_000)  # all of the page is laid out
    page.get_by_role("button", name="Open all solutions").click()
    assert page.locator("details.solution:not([open])").count() == 0
    typeset(page)
    expect(page.locator("details.solution mjx-math").last).to_be_visible()
    page.locator("details.hint summary").first.click()
    page.get_by_role("button", name="Close all").press("Enter")
    assert page.locator("details.dropdown[open]").count() == 0
