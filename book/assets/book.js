"use strict";

// For all scripts of the book.
function newElement(tag, textContent = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent, ...properties });
}

// Open the folds around what the address points at, and bring it into view.
function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  let inner = target?.closest("details");
  for (; inner; inner = inner.parentElement.closest("details")) inner.open = true;
  target?.scrollIntoView();
}

// On paper all is open, and light.
function prepareForPrint() {
  const root = document.documentElement;
  const { theme } = root.dataset;
  const closed = document.querySelectorAll("details:not([open])");
  root.dataset.theme = "light";
  closed.forEach((details) => (details.open = true));
  const restore = () => {
    root.dataset.theme = theme;
    closed.forEach((details) => (details.open = false));
  };
  addEventListener("afterprint", restore, { once: true });
}

// A link to each exercise and erratum, as headings and equations have one.
function addLink(box) {
  const properties = { className: "headerlink", title: "Link to this box" };
  const link = newElement("a", "#", { href: `#${box.id}`, ...properties });
  box.querySelector(".admonition-title").append(link);
}

// The list of all questions can be filtered; the address keeps what is asked for.
const FILTER = `
  <label>Words of the title or topic <input type="search" name="words"></label>
  <label>Problem set <select name="set"><option value="">any</select></label>
  <label>Difficulty <select name="difficulty">
    <option value="">any<option>1<option>2<option>3</select></label>
  <label>Minutes <select name="minutes">
    <option value="">any<option value="15">up to 15<option value="30">up to 30
    <option value="60">up to 60</select></label>
  <label>My marks <select name="marks">
    <option value="">any<option>unmarked<option>done<option>again</select></label>
  <output aria-live="polite"></output>`;

function addFilter(place) {
  const form = document.createElement("form");
  form.autocomplete = "off";
  form.innerHTML = FILTER;
  const questions = [...document.querySelectorAll("table.questions tbody tr")]
    .map((row) => {
      const texts = [...row.cells].map((cell) => cell.textContent.trim());
      const [title, , difficulty, minutes, , , set, topic, sheet] = texts;
      const words = `${title} ${topic} ${sheet}`.toLowerCase();
      return { row, words, difficulty, minutes: +minutes, set };
    });
  for (const set of new Set(questions.map((question) => question.set))) {
    form.elements.set.add(new Option(set));
  }
  const filter = () => {
    const asked = Object.fromEntries(new FormData(form));
    const { words, set, difficulty, minutes, marks } = asked;
    const parts = words.toLowerCase().split(/[\s'’–-]+/);
    for (const question of questions) {
      question.row.hidden = !(parts.every((part) => question.words.includes(part))
        && (!set || question.set === set)
        && (!difficulty || question.difficulty === difficulty)
        && (!minutes || question.minutes <= minutes)
        && (!marks || (question.row.dataset.mark || "unmarked") === marks));
    }
    const shown = questions.filter(({ row }) => !row.hidden).length;
    const text = `${shown} of ${questions.length} questions`;
    form.querySelector("output").textContent = text;
  };
  for (const [name, value] of new URLSearchParams(location.search)) {
    const control = form.elements.namedItem(name);
    if (control) control.value = value;
    if (control?.selectedIndex === -1) control.value = ""; // no such choice
  }
  filter();
  document.addEventListener("marked", filter); // see reading.js
  form.addEventListener("input", () => {
    filter();
    const asked = [...new FormData(form)].filter(([, value]) => value.trim());
    const query = asked.length ? `?${new URLSearchParams(asked)}` : "";
    history.replaceState(null, "", location.pathname + query + location.hash);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  place.append(form);
}

// Two buttons of the theme, see book/extension/theme.py.
function serve(name, act) {
  const link = document.querySelector(`.btn-${name}`);
  link?.setAttribute("role", "button");
  link?.addEventListener("click", (event) => {
    event.preventDefault();
    act();
  });
}

addEventListener("DOMContentLoaded", () => {
  serve("download-pdf-button", () => print());
  serve("fullscreen-button", () => toggleFullScreen());
  const stay = ".solutions-open details:is(.answer, .solution), .code-open details.code"; // see reading.js
  document.querySelectorAll(stay)
    .forEach((fold) => (fold.open = true));
  document.querySelectorAll(".exercise[id], .erratum[id]:not(details)").forEach(addLink);
  document.querySelectorAll(".filter").forEach(addFilter);
  // the theme leaves the title and the search of the book outside of any landmark
  document.getElementById("pst-primary-sidebar")?.setAttribute("role", "complementary");
  reveal();
});
addEventListener("hashchange", reveal);
addEventListener("beforeprint", prepareForPrint);
