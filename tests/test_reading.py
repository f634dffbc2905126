"""What a reader keeps, enlarges, scrolls and copies."""

from __future__ import annotations

import json
import re

from axe_playwright_python.sync_playwright import Axe
from browsing import SETS, needs_site, unfold, wait_until
from playwright.sync_api import Page, expect

pytestmark = needs_site

SET = next((name for name in SETS if "general_review" in name), None)
OTHER = next((name for name in SETS if name != SET), None)
QUESTIONS = "book/questions.html"
AXE = {"resultTypes": ["violations"], "preload": False}
MARKS = "deep-learning-solutions.marks"
KEEP = "([key, text]) => localStorage[key] = text"
EARLY, LATE = "2000-01-01T00:00:00.000Z", "2100-01-01T00:00:00.000Z"
DENY = """for (const method of ["getItem", "setItem"]) {
  const original = Storage.prototype[method];
  Storage.prototype[method] = function (key, ...rest) {
    if (key.startsWith("deep-learning")) throw new DOMException("", "SecurityError");
    return original.call(this, key, ...rest);
  };
}"""


def button(page: Page, name: str, exercise: int = 0):
    return page.locator(".exercise").nth(exercise).get_by_role("button", name=name)


def pressed(page: Page) -> dict[str, str]:
    """The marks of the questions on a page of a problem set."""
    script = "all => all.map(b => [b.closest('.exercise').id, b.textContent])"
    return dict(page.locator(".marks [aria-pressed=true]").evaluate_all(script))


def listed(page: Page) -> dict[str, str]:
    """The marks in the list of questions."""
    script = "row => [row.querySelector('a').hash.slice(1), row.cells[1].innerText]"
    rows = page.locator("table.questions tbody tr")
    found = rows.evaluate_all(f"rows => rows.map({script})")
    return {question: kind for question, kind in found if kind}


def said(page: Page):
    return page.locator("output.said")


# what was changed has been laid out and shown
FRAMES = "new Promise(f => requestAnimationFrame(() => setTimeout(f)))"


# --------------------------------------------------------------- open solutions


def test_open_solutions_stay_open_on_the_next_visit_and_page(open_page):
    page = open_page(SET)
    closed = page.locator("details.solution:not([open])")
    page.locator("details.hint summary").first.click()
    page.reload()
    assert page.locator("details[open]").count() == 0, "a single fold is not kept"
    page.get_by_role("button", name="Open all solutions").click()
    expect(said(page)).to_contain_text("stay open on the next visit")
    main_lines = page.locator("details.solution > section > p math")
    expect(main_lines.last).to_be_visible()
    page.reload()
    assert closed.count() == 0
    assert page.locator("details.hint[open]").count() == 0
    assert page.locator("details.answer:not([open])").count() == 0
    page.goto(page.url.replace(SET, OTHER))
    assert closed.count() == 0
    page.locator("details.hint summary").first.click()
    assert page.locator("details.code[open]").count() == 0
    page.get_by_role("button", name="Show all code").click()
    page.reload()
    assert page.locator("details.code:not([open])").count() == 0
    page.get_by_role("button", name="Close all").press("Enter")
    assert page.locator("article details[open]").count() == 0
    assert page.locator("details.dropdown[open]").count() == 0
    page.reload()
    assert page.locator("details[open]").count() == 0


def test_open_solutions_are_laid_out_only_near_the_window(open_page):
    page = open_page(QUESTIONS)
    page.evaluate("localStorage['deep-learning-solutions.solutions'] = 'open'")
    page.goto(page.url.replace(QUESTIONS, SET))
    is_laid_out = "e => e.checkVisibility({ contentVisibilityAuto: true })"
    sections = page.locator("details.solution > section")
    page.evaluate(FRAMES)
    assert not sections.last.locator("p").first.evaluate(is_laid_out)
    expect(page.locator(".exercise math").first).to_be_visible(timeout=20_000)
    equation = page.locator("details.solution div.math[id]").last
    id = equation.get_attribute("id")
    page.evaluate("id => location.hash = id", id)
    expect(equation.locator("math")).to_be_visible(timeout=20_000)
    expect(equation).to_be_in_viewport()


# -------------------------------------------------------------------------- marks


def test_marks_are_set_taken_back_kept_and_shown_in_other_tabs(open_page, base):
    page = open_page(SET, base)
    ids = page.locator(".exercise").evaluate_all("all => all.map(e => e.id)")
    first, second = ids[:2]
    tab = page.context.new_page()
    tab.goto(page.url.replace(SET, QUESTIONS))
    progress = tab.locator(".my-marks p")
    expect(progress).to_have_text("My marks: 0 done, 0 again, of 94")
    button(page, "done").click()
    button(page, "again", 1).press("Enter")
    assert pressed(page) == {first: "done", second: "again"}
    expect(progress).to_have_text("My marks: 1 done, 1 again, of 94")
    assert listed(tab) == {first: "done", second: "again"}
    page.reload()
    expect(page.locator(".marks [aria-pressed=true]")).to_have_count(2)
    assert pressed(page) == {first: "done", second: "again"}
    button(page, "again").press("Space")  # in place of done
    button(page, "again", 1).click()  # taken back
    assert pressed(page) == {first: "again"}
    expect(progress).to_have_text("My marks: 0 done, 1 again, of 94")
    assert listed(tab) == {first: "again"}


def marked_list(open_page, text: str) -> Page:
    """The list of questions, with what was kept before."""
    page = open_page(QUESTIONS)
    page.evaluate(KEEP, [MARKS, text])
    page.reload()
    return page


def file_of(**marks) -> str:
    given = {
        question.replace("_", "-"): {"kind": kind, "set": moment}
        for question, (kind, moment) in marks.items()
    }
    return json.dumps({"marks": given})


KEPT = file_of(gr_1_1a=("done", EARLY), gr_1_1b=("again", LATE))


def test_the_list_is_filtered_by_marks(open_page):
    page = marked_list(open_page, KEPT)
    rows = page.locator("table.questions tbody tr:visible")
    for choice, number in (("done", 1), ("again", 1), ("unmarked", 92)):
        page.locator("select[name=marks]").select_option(choice)
        assert rows.count() == number
        assert page.url.endswith(f"?marks={choice}")
    page.reload()
    assert rows.count() == 92
    page.evaluate("key => localStorage.removeItem(key)", MARKS)
    page.evaluate("dispatchEvent(new StorageEvent('storage'))")
    assert rows.count() == 94


def import_file(page: Page, content: str, name: str = "my.json") -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Import").click()
    file = {"name": name, "mimeType": "application/json"}
    chooser.value.set_files({**file, "buffer": content.encode()})
    expect(said(page)).not_to_be_empty()


def test_marks_are_exported_forgotten_and_imported_again(open_page):
    page = marked_list(open_page, KEPT)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "deep-learning-marks.json"
    exported = download.value.path().read_text("utf-8")
    assert json.loads(exported) == json.loads(KEPT)
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Forget all").click()
    assert len(listed(page)) == 2
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Forget all").click()
    assert listed(page) == {}
    import_file(page, exported)
    expect(said(page)).to_have_text("Imported: 2.")
    assert listed(page) == {"gr-1-1a": "done", "gr-1-1b": "again"}
    # of two marks the later counts, and unknown ones are passed over
    now = "2026-01-01T00:00:00.000Z"
    again, done = ("again", now), ("done", now)
    import_file(page, file_of(gr_1_1a=again, gr_1_1b=done, gr_1_1c=done, xx_1=done))
    expect(said(page)).to_have_text(
        "Imported: 2; 2 passed over, as not newer or of no question here."
    )
    page.reload()
    expected = {"gr-1-1a": "again", "gr-1-1b": "again", "gr-1-1c": "done"}
    assert listed(page) == expected


RUBBISH = (
    *("{", "null", '{"marks": {}}', '[{"marks": 1}]', '{"marks": "done"}'),
    '{"marks": {"gr-1-1a": null}}',
    file_of(gr_1_1c=("perfect", LATE)),
    file_of(gr_1_1c=("done", LATE), gr_1_1b=("done", "soon")),
    KEPT + " " * 100_000,
)


def test_rubbish_is_refused_with_one_message_and_nothing_is_lost(open_page):
    page = marked_list(open_page, KEPT)
    for content in RUBBISH:
        import_file(page, content)
        expect(said(page)).to_have_text(
            "Nothing was imported: my.json is not a file of marks from this book."
        )
        assert page.evaluate("key => localStorage[key]", MARKS) == KEPT
        page.keyboard.press("Escape")
        expect(said(page)).to_be_empty()
    for content in RUBBISH:  # also where it was kept
        page.evaluate(KEEP, [MARKS, content])
        page.reload()
        shown = page.locator(".my-marks p")
        expect(shown).to_contain_text(re.compile("^My marks: [01] done, [01] again"))


def test_where_nothing_can_be_kept_the_controls_say_so(open_page):
    page = open_page(QUESTIONS)
    page.context.add_init_script(DENY)
    page.reload()
    expect(page.locator(".my-marks p")).to_contain_text("0 done, 0 again")
    import_file(page, KEPT)
    denied = re.compile("lets the book keep nothing")
    expect(said(page)).to_have_text(denied)
    page.goto(page.url.replace(QUESTIONS, SET))
    opener = page.get_by_role("button", name="Open all solutions")
    for control in (button(page, "done"), opener):
        page.keyboard.press("Escape")
        expect(said(page)).to_be_empty()
        control.click()
        expect(said(page)).to_have_text(denied)
    assert pressed(page) == {}
    assert page.locator("details.solution:not([open])").count() == 0


# ------------------------------------------------------------------------ figures


HEIGHTS_WITH_AND_WITHOUT_BUTTON = """figure => {
  const height = figure.offsetHeight, button = figure.querySelector("button");
  button.style.display = "none";
  const without = figure.offsetHeight;
  button.style.display = "";
  return height === without ? "the same" : [height, without];
}"""


def test_a_figure_opens_larger_by_click_and_key_and_closes_again(open_page):
    page = open_page(SET, color_scheme="dark")
    figure = page.locator("details.solution figure:has(img)").first
    unfold(page)
    image, opener = figure.locator("img"), figure.get_by_role("button")
    small = image.bounding_box()
    assert figure.evaluate(HEIGHTS_WITH_AND_WITHOUT_BUTTON) == "the same"
    view = page.locator("dialog.larger")
    number = figure.locator(".caption-number").text_content().strip()
    for is_open, close in (
        (image.click, lambda: page.keyboard.press("Escape")),
        (lambda: opener.press("Enter"), view.get_by_role("button").click),
    ):
        is_open()
        expect(view).to_have_accessible_name(f"Larger view of {number}")
        expect(view).to_contain_text(figure.locator(".caption-text").text_content())
        large = view.get_by_role("img")
        assert large.get_attribute("alt") == image.get_attribute("alt")
        assert large.bounding_box()["width"] > 1.5 * small["width"]
        style = "i => [getComputedStyle(i).backgroundColor, getComputedStyle(i).filter]"
        assert large.evaluate(style) == ["rgb(255, 255, 255)", "none"]
        close()
        expect(view).not_to_be_visible()
        expect(opener).to_be_focused()
    expect(opener).to_have_css("opacity", "1")
    page.set_viewport_size({"width": 390, "height": 800})
    opener.press("Enter")
    sheet = view.locator(".sheet")
    assert sheet.evaluate("s => s.scrollWidth > 1.5 * s.clientWidth")
    sheet.press("ArrowRight")
    wait_until(page, "document.querySelector('.sheet').scrollLeft > 0")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.evaluate("document.querySelector('article').replaceChildren()")  # for speed
    results = Axe().run(page, context={"include": [["dialog"]]}, options=AXE)
    assert not results.violations_count, results.generate_report()


# --------------------------------------------------------------- what scrolls

UNREACHED = """boxes => boxes.filter(box => {
  if (!box.checkVisibility({ contentVisibilityAuto: true })) return false;
  const scrolls = box.scrollWidth > box.clientWidth;
  const isNamed = !box.querySelector("table") || box.ariaLabel && box.role === "group";
  return scrolls !== (box.tabIndex === 0) || scrolls && !isNamed;
}).map(box => box.id || box.className)"""


def test_what_scrolls_is_reached_by_key_as_soon_as_it_scrolls(open_page):
    page = open_page(SET)
    page.wait_for_timeout(1000)  # the theme has looked, too
    boxes = page.locator("article :is(pre, .pst-scrollable-table-container, .output)")
    for is_open in (False, True):
        unfold(page, is_open)
        for width in (390, 1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            page.evaluate(FRAMES)
            assert boxes.evaluate_all(UNREACHED) == [], f"{width}, open: {is_open}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width
    table = page.locator("details .output:has(table)").nth(1)
    table.evaluate("table => table.scrollIntoView()")
    expect(table).to_have_accessible_name("Table, scrolls sideways")
    table.focus()
    page.keyboard.press("ArrowRight")
    wait_until(table, "table => table.scrollLeft > 0")


# --------------------------------------------------------------------- copying


def pasted(page: Page) -> str:
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    area = page.locator("body > textarea")
    area.press("ControlOrMeta+v")
    text = area.input_value()
    area.evaluate("area => area.remove()")
    return text


def test_code_is_copied_by_key_as_it_stands(open_page, base):
    page = open_page(SET, base)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    button = page.get_by_role("button", name="Copy to clipboard").first
    code = page.locator("div.cell_input pre").first.text_content()
    button.focus()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    expect(button).to_have_css("opacity", "1")
    assert button.evaluate("b => getComputedStyle(b).outlineStyle") == "solid"
    assert button.bounding_box()["width"] >= 24
    page.keyboard.press("Enter")
    expect(said(page)).to_have_text("Copied!")
    assert page.evaluate("document.activeElement.matches('.copybtn')")
    assert pasted(page) == code.rstrip("\n")


def test_formulas_are_copied_as_tex_and_checks_as_text(open_page):
    page = open_page(SET)
    page.locator("details.solution summary").first.click()
    solution = page.locator("details.solution section").first
    expect(solution.locator("div.math math").first).to_be_visible()
    expect(page.locator(".exercise p math").nth(1)).to_be_visible()
    words = r"aims at $\min_w \E\bigl[\norm{\tilde X w - y}^2\bigr]$. As a first step"
    for place, text in (
        (page.locator(".exercise section p"), words),
        (solution.locator("div.math"), "$$\\begin{aligned}\n\\norm"),
        (solution.locator("p.check"), " · proved by sympy"),
    ):
        place.first.evaluate("place => getSelection().selectAllChildren(place)")
        page.keyboard.press("ControlOrMeta+c")
        assert text in pasted(page)


# ------------------------------------------------------------------------- paper


def test_no_control_is_printed_or_there_without_scripts(open_page):
    controls = (".marks button", ".my-marks button", ".enlarge", ".copybtn", ".said")
    for name in (SET, QUESTIONS):
        page = open_page(name)
        unfold(page)
        page.emulate_media(media="print")
        for control in controls:
            for found in page.locator(control).all()[:2]:
                expect(found).not_to_be_visible()
        plain = open_page(name, java_script_enabled=False)
        assert plain.locator(", ".join(controls)).count() == 0
        for list_page in (page, plain):
            head = list_page.locator("th", has_text="My mark")
            expect(head).not_to_be_visible()
