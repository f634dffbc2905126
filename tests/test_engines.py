"""What a reader needs most, in Firefox and in WebKit as in Chromium.

The other tests of the site look at more, in Chromium alone.
"""

from __future__ import annotations

import shutil
from functools import partial

import pytest
from browsing import PAGES, SETS, SITE, needs_site
from engines import Firefox, WebKit, started

from tools.site.serve import Quiet, serving

SET = next((name for name in SETS if "general_review" in name), None)
FIGURES = next((name for name in SETS if "optimization_theory" in name), None)
QUESTIONS = "book/questions.html"
pytestmark = needs_site

# the first script of each page, or what goes wrong while it loads would not be seen
WATCH = """window.problems = [];
const note = (...words) => problems.push(words.join(" "));
for (const kind of ["error", "warn"]) console[kind] = note;
addEventListener("unhandledrejection", ({ reason }) => note(reason));
addEventListener("error", ({ message, target }) =>
  note(message ?? `not loaded: ${target.src ?? target.href}`), true);
addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) =>
  note(`${effectiveDirective} refused ${blockedURI}`));"""

# Firefox says so where it tells of a new size only in the next frame
HARMLESS = "ResizeObserver loop completed with undelivered notifications."


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    copy = shutil.copytree(SITE, tmp_path_factory.mktemp("site") / "html")
    (copy / "_static/watch.js").write_text(WATCH)
    for name in PAGES:
        place = "../" * name.count("/") + "_static/watch.js"
        text = (copy / name).read_text("utf-8")
        watched = text.replace("<head>", f'<head><script src="{place}"></script>', 1)
        (copy / name).write_text(watched, "utf-8")
    return copy


@pytest.fixture(scope="module")
def served(site):
    with serving(partial(Quiet, directory=site)) as address:
        yield address


@pytest.fixture(params=["server", "disk"])
def base(request, site, served):
    return served if request.param == "server" else f"{site.as_uri()}/"


@pytest.fixture(scope="module", params=[Firefox, WebKit], ids=["firefox", "webkit"])
def engine(request):
    if request.param.missing:
        pytest.skip(request.param.missing)
    with started(request.param) as engine:
        yield engine


@pytest.fixture
def browser(engine):
    engine.resize(1280)
    yield engine
    engine.run("localStorage.clear()")
    problems, engine.problems = engine.problems, []
    assert [text for text in problems if text != HARMLESS] == []


FOLDS = "[...document.querySelectorAll('article details')]"
OPEN_ALL = f"{FOLDS}.forEach((details) => (details.open = true))"
CLOSE_ALL = OPEN_ALL.replace("true", "false")
UNSET = r"""[...document.querySelectorAll("article .math")].filter((formula) => {
  const box = formula.querySelector("math")?.getBoundingClientRect();
  const isSet = box?.width * box?.height > 1 && !/\\[([]/.test(formula.textContent);
  return !isSet && !formula.closest("details:not([open])");
}).map((formula) => formula.textContent)"""
HEIGHTS = """["math mi", "math[display=block] mfrac"].map((part) =>
  find(`article .math ${part}`).getBoundingClientRect().height)"""
LOADED = """document.fonts.ready.then((fonts) => {
  const { fontFamily } = getComputedStyle(find("article math"));
  return [...fonts].some(({ family, status }) =>
    status === "loaded" && fontFamily.includes(family.replace(/^"|"$/g, "")));
})"""


def test_formulas_are_set_in_view_and_in_folds(browser, base):
    browser.open(base + SET)
    assert browser.run("document.querySelectorAll('article .math').length") > 20
    for step in ("1", OPEN_ALL):
        browser.run(step)
        assert browser.run(UNSET) == []
    letter, fraction = browser.run(HEIGHTS)
    assert fraction > 1.6 * letter > 8
    assert browser.run(LOADED), "the font of formulas"


def test_folds_open_and_close_by_click_and_key(browser, base):
    browser.open(base + SET)
    summary, is_open = "details.hint summary", "find('details.hint').open"
    height = f"find('{summary}').nextElementSibling.getBoundingClientRect().height"
    assert browser.run(is_open) is False
    browser.click(summary)
    browser.wait(f"{is_open} && {height} > 10")
    for key in ("Enter", " "):
        browser.press(key)
        browser.wait(f"!{is_open}")
        browser.press(key)
        browser.wait(is_open)
    browser.click(".fold-all button")
    browser.wait("!find('details.solution:not([open])')")
    browser.click(".fold-all button:last-child")
    browser.wait("!find('article details[open]')")


IN_VIEW = """(({ height, top, bottom } = {}) =>
  height && bottom > 0 && top < innerHeight
)(document.getElementById('%s')?.getBoundingClientRect())"""


def test_an_address_opens_the_folds_around_its_target(browser, base):
    browser.open(base + SET)
    inside = "[...document.querySelectorAll('details.solution [id^=check-]')]"
    ids = browser.run(f"{inside}.map((check) => check.id)")
    middle, last = ids[len(ids) // 2], ids[-1]
    wrongly = """%s.filter((fold) => fold.open !== %s
      .some((id) => fold.querySelector(`#${id}`))).length"""
    browser.open(base + QUESTIONS)
    browser.open(f"{base}{SET}#{middle}")
    browser.wait(IN_VIEW % middle)
    assert browser.run(wrongly % (FOLDS, [middle])) == 0
    browser.run(f"void (location.hash = '{last}')")
    browser.wait(IN_VIEW % last)
    assert browser.run(wrongly % (FOLDS, [middle, last])) == 0
    browser.run(CLOSE_ALL)
    browser.run("history.back()")
    browser.wait(f"location.hash === '#{middle}' && {IN_VIEW % middle}")
    assert not browser.run(IN_VIEW % last)


def test_the_search_finds_words_and_ids_and_leads_to_them(browser, base):
    browser.open(f"{base}search.html?q=receptive+field")
    result = "find('#found-questions li a')"
    browser.wait(f"find('#search-results li') && {result}")
    assert browser.run(f"{result}.hash") != "#gr-1-1b"
    browser.run("find('article input[name=q]').select()")
    browser.press(*"gr-1-1b", "Enter")
    browser.wait(f"{result}?.hash === '#gr-1-1b'")
    browser.click("#found-questions li a")
    browser.wait(f"location.hash === '#gr-1-1b' && {IN_VIEW % 'gr-1-1b'}")


def test_the_filter_follows_its_fields_and_its_address(browser, base):
    rows = "[...document.querySelectorAll('table.questions tbody tr')]"
    shown = f"{rows}.filter((row) => row.getBoundingClientRect().height).length"
    browser.open(base + QUESTIONS)
    number = browser.run(shown)
    browser.click(".filter [name=words]")
    browser.press(*"gradient")
    browser.wait("location.search === '?words=gradient'")
    asked = browser.run(shown)
    assert 0 < asked < number
    for query in ("words=gradient", "difficulty=3"):
        browser.open(f"{base}{QUESTIONS}?{query}")
        count = f"{browser.run(shown)} of {number} questions"
        assert browser.run("find('.filter output').textContent") == count
        assert (browser.run(shown) == asked) is (query == "words=gradient")


def test_marks_are_kept(browser, base):
    mark = "find('#gr-1-1a .marks [aria-pressed=true]')?.textContent"
    browser.open(base + SET)
    assert browser.run(mark) is None
    browser.click("#gr-1-1a .marks [data-kind=done]")
    browser.wait(f"{mark} === 'done'")
    browser.open(base + QUESTIONS)
    assert "1 done, 0 again" in browser.run("find('.my-marks p').textContent")
    browser.open(base + SET)
    assert browser.run(mark) == "done"


def test_a_figure_follows_the_keys(browser, base):
    browser.open(base + FIGURES)
    browser.run(OPEN_ALL)
    browser.run("find('figure.interactive input').focus()")
    parts = "['output', '[role=img]:last-of-type'].map(p => find(`.interactive ${p}`))"
    shown = f"{parts}.map(e => e.ariaLabel ?? e.textContent)"
    before = browser.run(shown)
    browser.press("Right")
    after = browser.run(shown)
    assert before[0] != after[0] and before[1] != after[1]
    browser.press("Left")
    assert browser.run(shown) == before


PARTS = ["body", ".exercise p", ".exercise .math", "details summary"]
LIGHTNESS = (
    f"{PARTS}"
    + """.map((part, k) => {
  const colour = getComputedStyle(find(part))[k ? "color" : "backgroundColor"];
  return Math.max(...colour.match(/[\\d.]+/g).slice(0, 3)) / 255;
})"""
)


def test_the_dark_page_is_dark(browser, base):
    browser.open(base + SET)
    for theme in ("light", "dark"):
        browser.wait(f"""document.documentElement.dataset.theme === "{theme}"
          || void find('.theme-switch-button').click()""")
        paper, *inks = browser.run(LIGHTNESS)
        dark, light = (max(inks), paper) if theme == "light" else (paper, min(inks))
        assert dark < 0.5 < light, theme


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_has_no_error(browser, served, name):
    browser.open(served + name)
    assert browser.run("Array.isArray(window.problems)"), "the page is not watched"
    browser.run(OPEN_ALL)
    assert browser.run(UNSET) == []
    browser.resize(390)
    assert browser.run("document.documentElement.scrollWidth") <= 390
