"use strict";

// At first and whenever a formula has been set, the theme asks each piece of code for its
// width. It sees only what is shown, or the browser would have to lay out all folds.
document.querySelectorAll = (selector) => {
  const found = Document.prototype.querySelectorAll.call(document, selector);
  return selector.startsWith("pre, ")
    ? [...found].filter((e) => e.checkVisibility({ contentVisibilityAuto: true }))
    : found;
};

// For all scripts of the book.
function newElement(tag, textContent = "", properties = {}) {
  return Object.assign(document.createElement(tag), { textContent, ...properties });
}

// Hints and solutions become <details>, which open by click, by key and for a search
// within the page. Without this script they stand open.
function fold(box) {
  const details = document.createElement("details");
  const summary = document.createElement("summary");
  const title = box.querySelector(".admonition-title");
  summary.append(...title.childNodes);
  title.remove();
  details.append(summary, ...box.childNodes);
  details.id = box.id;
  details.className = box.className;
  details.classList.remove("admonition");
  details.open = box.matches(".solutions-open .solution"); // see reading.js
  box.replaceWith(details);
}

// Open the folds around what the address points at, and bring it into view.
async function reveal() {
  const target = document.getElementById(location.hash.slice(1));
  let inner = target?.closest("details");
  for (; inner; inner = inner.parentElement.closest("details")) inner.open = true;
  target?.scrollIntoView();
  const place = scrollY;
  await viewIsSet();
  if (scrollY === place) target?.scrollIntoView(); // else the reader has moved on
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
      const [title, , difficulty, minutes, , , set, topic] = texts;
      const words = `${title} ${topic}`.toLowerCase();
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

// Formulas: first those in view, then those near it, then all others while the page is
// idle. They are set without a look at the page, which need not be laid out for that.
if (window.MathJax) MathJax.chtml = { matchFontHeight: false, scale: 1.15 };
const BATCH = 16; // formulas between two chances for the page to react
const waiting = new Set();
const watchers = [];
const inView = watch("0px");
const near = watch("100%");

function watch(margin) {
  const found = new Set();
  const note = ({ target, isIntersecting }) => {
    if (isIntersecting) found.add(target);
    else found.delete(target);
  };
  const watcher = new IntersectionObserver(
    (entries) => entries.forEach(note), { rootMargin: `${margin} 0px` });
  watchers.push(watcher);
  return found;
}

// Keep about the room that a formula will take, so that the text hardly moves.
function reserve(formula) {
  const tex = formula.textContent.trim().slice(2, -2);
  const glyphs = tex.replace(/\\[a-z]+/gi, "x").replace(/[{}^_\\\s]/g, "").length;
  if (formula.matches("span")) formula.style.width = `${1.4 * glyphs}ex`;
  else formula.style.height = `${3.8 + 1.8 * (tex.split("\\\\").length - 1)}em`;
  formula.classList.add("waiting");
  waiting.add(formula);
  watchers.forEach((watcher) => watcher.observe(formula));
}

function release(formula) {
  formula.removeAttribute("style");
  formula.classList.remove("waiting");
  const next = formula.nextSibling; // a comma must not begin the next line
  if (formula.matches("span") && next?.nodeType === Node.TEXT_NODE) {
    const mark = next.data.match(/^[,.;:!?)\]]*/)[0];
    formula.append(mark);
    next.data = next.data.slice(mark.length);
  }
}

async function set(formula) {
  const source = formula.lastChild; // an equation has its number before it
  const [, kind, tex] = source.data.match(/\\([([])(.*)\\[)\]]/s);
  formula.dataset.tex = tex.trim(); // for who copies it, see reading.js
  source.replaceWith(await MathJax.tex2chtmlPromise(tex, { display: kind === "[" }));
}

async function setAll(batch) {
  try {
    for (const formula of batch) await set(formula);
    MathJax.startup.document.clear(); // so that the style of new glyphs is added
    MathJax.startup.document.updateDocument();
    await document.fonts.ready;
  } catch (error) {
    console.error(error);
  }
  for (const formula of batch) {
    release(formula);
    watchers.forEach((watcher) => watcher.unobserve(formula));
    [inView, near, waiting].forEach((formulas) => formulas.delete(formula));
  }
  document.dispatchEvent(new CustomEvent("typeset", { detail: batch })); // see reading.js
}

const frame = () => new Promise(requestAnimationFrame);
const idle = () => new Promise(
  (resume) => (window.requestIdleCallback ?? setTimeout)(resume, { timeout: 200 }));

async function typeset() {
  await window.MathJax?.startup.promise;
  await frame().then(frame); // until then nobody knows what is in view
  while (waiting.size) {
    const first = [inView, near, waiting].find((formulas) => formulas.size);
    await setAll([...first].slice(0, BATCH));
    await (near.size ? frame() : idle());
  }
}

async function viewIsSet() {
  do await frame().then(frame);
  while (inView.size);
}

function reserveAll() {
  document.querySelectorAll(".math:not(.waiting)").forEach(reserve);
}

const parsing = new MutationObserver(reserveAll);
parsing.observe(document, { childList: true, subtree: true });

// "interactive" comes before MathJax, a deferred script, has been loaded
document.addEventListener("readystatechange", () => {
  if (document.readyState !== "interactive") return;
  document.querySelectorAll(".admonition.dropdown").forEach(fold);
  document.querySelectorAll(".exercise[id], .erratum[id]").forEach(addLink);
  document.querySelectorAll(".filter").forEach(addFilter);
  // the theme leaves the title and the search of the book outside of any landmark
  document.getElementById("pst-primary-sidebar")?.setAttribute("role", "complementary");
  parsing.disconnect();
  reserveAll();
  reveal();
});
addEventListener("DOMContentLoaded", typeset);
addEventListener("hashchange", reveal);
addEventListener("beforeprint", prepareForPrint);
