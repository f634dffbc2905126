"use strict";

// Questions with all words that are asked for, above the pages that Sphinx finds.
// QUESTIONS and WORDS come from questions.js, newElement from book.js, and Stemmer and
// stopwords from Sphinx.
const SHOWN = 20;
const WEIGHTS = [4, 2, 1]; // of a word in the title, the statement, the solution

function stemsOf(query) {
  const stemmer = new Stemmer();
  const words = query.toLowerCase().split(/[^\p{L}\p{N}_]+/u)
    .filter((word) => word.length > 1 && !/^\d+$/.test(word) && !stopwords.includes(word));
  return [...new Set(words.map((word) => stemmer.stemWord(word)))];
}

// The weight of a word in each question that has it. A word that no question has may be
// the beginning of one.
function weigh(stem) {
  const known = Object.hasOwn(WORDS, stem) ? [stem]
    : Object.keys(WORDS).filter((word) => word.startsWith(stem));
  const weights = new Map();
  for (const word of known) {
    let place = 0;
    for (const distance of WORDS[word]) {
      place += distance;
      const question = QUESTIONS[Math.floor(place / 3)];
      weights.set(question, Math.max(WEIGHTS[place % 3], weights.get(question) ?? 0));
    }
  }
  const rarity = Math.log(1 + QUESTIONS.length / weights.size);
  weights.forEach((weight, question) => weights.set(question, weight * rarity));
  return weights;
}

function findQuestions(query) {
  const name = query.trim().toLowerCase();
  let named = QUESTIONS.filter(({ id, number }) => id === name || number === name);
  if (!named.length && name) {
    named = QUESTIONS.filter(({ sheet }) => sheet.toLowerCase() === name);
  }
  const words = named.length ? [] : stemsOf(query).map(weigh);
  if (!words.length) return named;
  const total = (question) => words.reduce((sum, word) => sum + word.get(question), 0);
  return QUESTIONS.filter((question) => words.every((word) => word.has(question)))
    .map((question) => [total(question), question])
    .sort(([one], [other]) => other - one)
    .map(([, question]) => question);
}

function questionItem({ id, number, title, topic, set, sheet, page }) {
  const entry = document.createElement("li");
  const link = newElement("a", `${number} ${title}`, { href: `${page}#${id}` });
  entry.append(link, newElement("span", [set, topic, sheet].filter(Boolean).join(" · ")));
  return entry;
}

function leadToList(query) {
  const hint = newElement("p", "No question has all these words. The ");
  const href = `book/questions.html?${new URLSearchParams({ words: query })}`;
  const link = newElement("a", "list of all questions", { href });
  hint.append(link, " finds parts of words, and can be filtered in other ways.");
  return hint;
}

function showQuestions(query) {
  const found = findQuestions(query);
  const list = document.createElement("ol");
  list.append(...found.slice(0, SHOWN).map(questionItem));
  const count = `${found.length} ${found.length === 1 ? "question" : "questions"}`;
  const status = document.querySelector("#found-questions output");
  status.textContent = found.length > SHOWN ? `${count}, the first ${SHOWN}:` : count;
  status.before(newElement("h2", "Questions"));
  status.after(found.length ? list : leadToList(query));
  document.getElementById("search-results").before(newElement("h2", "Pages"));
}

const asked = new URLSearchParams(location.search).get("q") ?? "";
if (asked.trim()) showQuestions(asked);
document.querySelector(".bd-article form input").focus();
