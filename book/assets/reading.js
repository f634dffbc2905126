"use strict";
{ // a block, so that no name of here meets one of another script

// What is kept, is kept in this browser, which may deny it.
const PREFIX = "deep-learning-solutions.";
const DENIED = "This browser lets the book keep nothing, so this will be forgotten.";

function attempt(access) {
  try {
    return access();
  } catch {
    return null;
  }
}

const kept = (key) => attempt(() => localStorage.getItem(PREFIX + key));
const keep = (key, text) => attempt(() => {
  localStorage.setItem(PREFIX + key, text);
  return true;
});

// One place for all messages, which stay until the next key or click.
const said = newElement("output", "", { className: "said" });
function say(text) {
  said.textContent = text;
  const unsay = () => (said.textContent = "");
  for (const next of ["keydown", "pointerdown"]) {
    addEventListener(next, unsay, { once: true, capture: true });
  }
}

function button(text, press) {
  return newElement("button", text, { type: "button", onclick: press });
}

function nameGroup(box, name) {
  box.role = name ? "group" : null;
  box.ariaLabel = name || null;
}

// All solutions stay open or closed on the next visit and on the other pages. A single
// fold is not remembered: who comes back may want to try again.
for (const kind of ["solutions", "code"]) {
  document.documentElement.classList.toggle(`${kind}-open`, kept(kind) === "open");
}

function addFoldButtons(place) {
  const add = (text, folds, open, kinds, stay) => {
    const turn = () => {
      document.querySelectorAll(folds).forEach((details) => (details.open = open));
      const done = kinds.map((kind) => keep(kind, open ? "open" : "closed")).every(Boolean);
      say(done ? `${stay} on the next visit and in the other problem sets.` : DENIED);
    };
    place.append(button(text, turn));
  };
  add("Open all solutions", "details:is(.answer, .solution)", true, ["solutions"], "All solutions stay open");
  add("Show all code", "details.code", true, ["code"], "All code stays open");
  add("Close all", "article details", false, ["solutions", "code"], "Solutions and code stay closed");
}

// The reader's marks: of a question, which is known by its label, "done" or "again",
// and the moment when it was set.
const KINDS = ["done", "again"];
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const LARGEST = 1e5; // bytes; a mark takes about 60

const marksIn = (text) => attempt(() => {
  const entries = Object.entries(JSON.parse(text).marks);
  const isMark = ([, { kind, set }]) => KINDS.includes(kind) && MOMENT.test(set);
  return entries.every(isMark) ? new Map(entries) : null;
});

const marks = () => marksIn(kept("marks")) ?? new Map();
const written = (all) => JSON.stringify({ marks: Object.fromEntries(all) }, null, 2);

function store(all) {
  const done = keep("marks", written(all));
  showMarks();
  if (!done) say(DENIED);
  return done;
}

function mark(question, kind) {
  const all = marks();
  if (all.get(question)?.kind === kind) all.delete(question);
  else all.set(question, { kind, set: new Date().toISOString() });
  store(all);
}

function addMarkButtons(place) {
  const { id } = place.closest(".exercise");
  nameGroup(place, "My mark");
  for (const kind of KINDS) {
    const toggle = button(kind, () => mark(id, kind));
    toggle.dataset.kind = kind;
    place.append(toggle);
  }
}

const rows = () => [...document.querySelectorAll("table.questions tbody tr")];
const listed = (row) => row.querySelector("a").hash.slice(1);

function showMarks() {
  const all = marks();
  for (const place of document.querySelectorAll(".exercise .marks")) {
    const kind = all.get(place.closest(".exercise").id)?.kind;
    for (const toggle of place.children) {
      toggle.ariaPressed = toggle.dataset.kind === kind;
    }
  }
  for (const row of rows()) {
    const kind = all.get(listed(row))?.kind ?? "";
    row.querySelector(".own-mark").textContent = row.dataset.mark = kind;
  }
  for (const line of document.querySelectorAll(".my-marks > p")) {
    const count = (kind) => rows().filter((row) => row.dataset.mark === kind).length;
    const counts = KINDS.map((kind) => `${count(kind)} ${kind}`).join(", ");
    line.textContent = `My marks: ${counts}, of ${rows().length}`;
  }
  document.dispatchEvent(new Event("marked"));
}

function exportMarks() {
  const href = URL.createObjectURL(new Blob([written(marks())]));
  newElement("a", "", { href, download: "deep-learning-marks.json" }).click();
  URL.revokeObjectURL(href);
}

// Of two marks of a question, the later counts.
async function importMarks(file) {
  const text = file.size > LARGEST ? "" : await file.text().catch(() => "");
  const found = marksIn(text);
  if (!found?.size) {
    say(`Nothing was imported: ${file.name} is not a file of marks from this book.`);
    return;
  }
  const known = new Set(rows().map(listed));
  const all = marks();
  const taken = [...found].filter(([question, { set }]) =>
    known.has(question) && !(all.get(question)?.set >= set));
  taken.forEach(([question, value]) => all.set(question, value));
  const passed = found.size - taken.length;
  const rest = passed && `; ${passed} passed over, as not newer or of no question here`;
  if (store(all)) say(`Imported: ${taken.length}${rest || ""}.`);
}

function forgetMarks() {
  const { size } = marks();
  const sure = `Forget ${size} marks? There is no way back but an exported file.`;
  if (confirm(sure)) store(new Map());
}

function addMarkManager(place) {
  const accept = ".json,application/json";
  const input = newElement("input", "", { type: "file", accept, hidden: true });
  input.onchange = async () => {
    await importMarks(input.files[0]);
    input.value = "";
  };
  nameGroup(place, "My marks");
  place.append(
    newElement("p"),
    button("Export", exportMarks),
    button("Import", () => input.click()),
    button("Forget all", forgetMarks),
    input,
  );
}

// A figure as large as the window allows, in a dialog.
const larger = newElement("dialog", "", { className: "larger" });

function enlarge(figure, opener) {
  const sheet = newElement("div", "", { className: "sheet" });
  const caption = newElement("div", "", { className: "caption" });
  sheet.tabIndex = 0; // scrolls where the window is small
  nameGroup(sheet, "Figure");
  sheet.append(figure.querySelector("img").cloneNode());
  caption.append(...figure.querySelector("figcaption").cloneNode(true).childNodes);
  caption.querySelectorAll(".headerlink").forEach((link) => link.remove());
  larger.ariaLabel = opener.ariaLabel;
  larger.replaceChildren(button("Close", () => larger.close()), sheet, caption);
  larger.onclose = () => opener.focus({ preventScroll: true });
  larger.showModal();
}

function addEnlarger(figure) {
  const image = figure.querySelector("img");
  const opener = button("Larger view", () => enlarge(figure, opener));
  const number = figure.querySelector(".caption-number")?.textContent.trim();
  const ariaLabel = `Larger view of ${number ?? "the figure"}`;
  Object.assign(opener, { className: "enlarge", ariaLabel });
  image.addEventListener("click", () => opener.click());
  image.after(opener);
}

// What scrolls can be reached by key. The theme sees to it, too, but only some time
// after the width has changed or a fold has been opened.
const SCROLLING = "div.math, pre, .cell_output > .output, .pst-scrollable-table-container";
const resized = new ResizeObserver((entries) => {
  const boxes = entries.map(({ target }) => target);
  const scroll = boxes.map((box) => box.scrollWidth > box.clientWidth);
  boxes.forEach((box, k) => {
    const isTable = box.querySelector("table");
    box.tabIndex = scroll[k] ? 0 : -1;
    if (isTable) nameGroup(box, scroll[k] && "Table, scrolls sideways");
  });
});

// sphinx-copybutton shows a tick, but says nothing and leaves the focus nowhere.
function copied({ target }) {
  const pressed = target.closest?.(".copybtn");
  if (!pressed) return;
  pressed.focus();
  say(pressed.dataset.tooltip);
}

// The glyphs of a formula are no text: when selected, its TeX is copied instead.
function copyWithFormulas(event) {
  const selection = getSelection();
  if (!selection.rangeCount) return;
  const range = selection.getRangeAt(0).cloneRange();
  const around = range.commonAncestorContainer;
  const only = (around.closest ? around : around.parentElement).closest("[data-tex]");
  if (only) range.selectNode(only);
  const sheet = newElement("div", "", { className: "copying" });
  sheet.append(range.cloneContents());
  const formulas = sheet.querySelectorAll("[data-tex]");
  if (!formulas.length) return;
  for (const formula of formulas) {
    const sign = formula.matches("div") ? "$$" : "$";
    const tex = sign + formula.dataset.tex + sign;
    const [first, ...others] = formula.querySelectorAll("math, wbr");
    first.replaceWith(tex);
    others.forEach((part) => part.remove());
  }
  sheet.querySelectorAll("button, .headerlink").forEach((control) => control.remove());
  document.body.append(sheet);
  event.clipboardData.setData("text/plain", sheet.innerText); // with its line breaks
  sheet.remove();
  event.preventDefault();
}

addEventListener("DOMContentLoaded", () => {
  const each = (places, add) => document.querySelectorAll(places).forEach(add);
  each(".fold-all", addFoldButtons);
  each(".exercise .marks", addMarkButtons);
  each(".my-marks", addMarkManager);
  each("article figure:has(img)", addEnlarger);
  each(`article :is(${SCROLLING})`, (box) => resized.observe(box));
  showMarks();
  document.body.append(said, larger);
});
addEventListener("storage", showMarks);
addEventListener("pageshow", showMarks); // as when the reader has gone back
document.addEventListener("click", copied);
document.addEventListener("copy", copyWithFormulas);

}
