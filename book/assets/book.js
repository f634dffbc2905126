"use strict";

// Folds: closed parts of the page, made by sphinx-togglebutton or <details>.
const closedFold = (element) => element.closest(".toggle-hidden, details:not([open])");

function openFoldsAround(element) {
  for (let fold; element && (fold = closedFold(element)); ) {
    if (fold.tagName === "DETAILS") fold.open = true;
    else fold.querySelector(".toggle-button").click();
  }
}

// A link into a closed fold opens it.
function goToHash() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  openFoldsAround(target);
  target.scrollIntoView();
}

// Formulas: those in view first, then the page's, then those in closed folds.
const waiting = (root = document) => [...root.querySelectorAll(".math:not(.typeset)")];
let typesetting = Promise.resolve();

function typeset(formulas) {
  formulas.forEach((formula) => formula.classList.add("typeset"));
  if (formulas.length)
    typesetting = typesetting.then(() => MathJax.typesetPromise(formulas));
  return typesetting;
}

function inView(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < innerHeight;
}

async function typesetPage() {
  await MathJax.startup.promise;
  const open = () => waiting().filter((formula) => !closedFold(formula));
  await typeset(open().filter(inView));
  await typeset(open());
  if (location.hash) goToHash(); // formulas above it have moved it
  const idle = window.requestIdleCallback || setTimeout;
  const next = () => {
    const some = waiting().slice(0, 20);
    if (some.length) typeset(some).then(() => idle(next));
  };
  idle(next);
  new MutationObserver((changes) =>
    changes.forEach(({ target }) => closedFold(target) || typeset(waiting(target))),
  ).observe(document.body, { subtree: true, attributeFilter: ["class", "open"] });
  addEventListener("beforeprint", () => MathJax.typeset(waiting()));
}

// What screen readers get: names that match what is seen, and landmarks.
function nameThings() {
  document
    .querySelectorAll(".search-button__button, .theme-switch-button, summary")
    .forEach((element) => element.textContent.trim() && element.removeAttribute("aria-label"));
  document.querySelectorAll(".sidebar-primary-items__start > .sidebar-primary-item").forEach((item) => {
    if (item.querySelector("nav")) return;
    item.setAttribute("role", "region");
    item.setAttribute("aria-label", item.querySelector(".logo") ? "Book" : "Search");
  });
}

addEventListener("DOMContentLoaded", () => {
  nameThings();
  addEventListener("hashchange", goToHash);
  setTimeout(goToHash); // after the folds have been made
  if (!window.MathJax) return;
  if (MathJax.version) typesetPage();
  else document.querySelector("script[src*='tex-chtml']").addEventListener("load", typesetPage);
});
