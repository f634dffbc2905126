"""The words of each question, for the search: the script _static/questions.js.

`WORDS` leads from the stem of a word to its places, each as the distance from the one
before. A place is three times the index of a question, plus 0 if its title has the
word, else 1 if its statement or its topic has it, else 2 if its solution does.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from overview import questions
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node

TITLE, STATEMENT, SOLUTION = range(3)
language = SearchEnglish({})


def collect(app: Sphinx, document: nodes.document) -> None:
    """Remember the words of statements and solutions of a page that was read."""
    found = defaultdict(dict)
    for exercise in document.findall(exercise_enumerable_node):
        found[exercise["label"]][STATEMENT] = stems(prose(exercise))
    for solution in document.findall(solution_node):
        found[solution["target_label"]][SOLUTION] = stems(prose(solution))
    words = getattr(app.env, "words_of_questions", {})
    app.env.words_of_questions = {**words, **found}


def prose(node: nodes.Node) -> Iterator[str]:
    """The text in a node, without formulas, code and its output."""
    if isinstance(node, nodes.Text):
        yield node.astext()
    elif not isinstance(node, (nodes.math, nodes.math_block, nodes.FixedTextElement)):
        if "cell" not in node.get("classes", ()):
            for child in node.children:
                yield from prose(child)


def stems(texts: Iterator[str]) -> set[str]:
    """The stems that book/assets/search.js finds for the words of a text."""
    words = (word for text in texts for word in language.split(text.lower()))
    return {
        language.stem(word)
        for word in words
        if len(word) > 1 and not word.isdigit() and word not in language.stopwords
    }


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the script."""
    if error or app.builder.format != "html":
        return
    listed, words = [], defaultdict(list)
    for index, (label, question) in enumerate(questions(app.env).items()):
        title = "".join(part.astext() for part in question.title)
        listed.append(
            {
                "id": label,
                "number": question.number,
                "title": title,
                "topic": question.topic,
                "set": app.env.titles[question.page].astext(),
                "page": app.builder.get_target_uri(question.page),
            }
        )
        levels = dict(app.env.words_of_questions[label])
        levels[TITLE] = stems([title])
        levels[STATEMENT] = levels[STATEMENT] | stems([question.topic])
        known = set()
        for level in sorted(levels):
            for stem in levels[level] - known:
                words[stem].append(3 * index + level)
            known |= levels[level]
    for stem, places in words.items():
        words[stem] = [place - last for last, place in pairwise([0, *places])]
    script = Path(app.outdir) / "_static" / "questions.js"
    script.write_text(
        f"const QUESTIONS = {_json(listed)};\nconst WORDS = {_json(words)};\n", "utf-8"
    )


def _json(content) -> str:
    return json.dumps(
        content, ensure_ascii=False, separators=(",", ":"), sort_keys=True
    )


def setup(app: Sphinx) -> None:
    """Connect the above."""
    app.connect("doctree-read", collect)
    app.connect("build-finished", write)
