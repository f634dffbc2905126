"""The list of all questions, the way from each to its neighbours, the search index."""

import json
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.osutil import relative_uri
from sphinx_exercise.nodes import exercise_enumerable_node

from .checks import checks_of, errata_of
from .questions import Questions, stems
from .views import ERRATA, LEDGER, View, paragraph, table

HEAD = ("Question", "My mark", "Difficulty", "Minutes", "Checks", "Errata")
HEAD += ("Problem set", "Topic", "On the sheet")
MARKS = '<div class="filter"></div><div class="my-marks"></div>'
BUTTONS = """\
<p class="notebook"><a href="{colab}">Open in Colab</a> ·
<a href="{file}" download>Download the notebook</a></p>
<div class="fold-all"></div>"""


def question_list(view: View, _) -> list[nodes.Node]:
    """All questions, below the places of the filter and of the reader's marks."""
    rows = {}
    for label, question in view.known.questions.items():
        ids = label, *errata_of(question)
        checks = sum(c["id"] in ids for c in checks_of(view.env, question.page))
        errata = question.errata
        wrong = [e.argument for e in errata if e.options.get("verdict") != "right"]
        rows[label] = [
            view.to_question(label, "", " "),
            nodes.inline(classes=["own-mark"]),
            str(question.difficulty),
            str(question.minutes),
            view.link(str(checks), LEDGER, label),
            view.link(str(len(wrong)), ERRATA, wrong[0]) if wrong else "",
            view.env.titles[question.page].astext(),
            view.known.topic(label),
            question.sheet,
        ]
    return [
        nodes.raw("", MARKS, format="html"),
        table("questions", HEAD, rows.values()),
    ]


def show_neighbours(env: BuildEnvironment, document: nodes.document) -> None:
    """At the end of each question, links to its neighbours and the reader's mark."""
    view = View(env)
    after = dict(pairwise(view.known.questions))
    before = {label: other for other, label in after.items()}
    for exercise in document.findall(exercise_enumerable_node):
        parts, label = [nodes.inline(classes=["marks"])], exercise["label"]
        if label in before:
            previous = view.to_question(before[label], "Previous question ")
            parts = [" ", previous, " ", *parts]
        if label in after:
            parts += [" ", view.to_question(after[label], "Next question "), " "]
        exercise += paragraph(*parts, classes=["neighbours"])


def make_place_for_buttons(env: BuildEnvironment, document: nodes.document) -> None:
    """Below the title of a problem set, links to its notebook and room for buttons.

    A script makes the buttons; nothing is to move when they come.
    """
    known: Questions = env.get_domain("question")
    if env.docname not in known.problem_sets or not env.config.own_theme:
        return
    colab = env.config.html_theme_options["launch_buttons"]["colab_url"]
    files = known.book.files.partition("github.com/")[2]
    page = env.app.builder.get_target_uri(env.docname)
    links = BUTTONS.format(
        colab=f"{colab}/github/{files}/{env.docname}.ipynb",
        file=relative_uri(page, f"_sources/{env.docname}.ipynb"),
    )
    title = document.next_node(nodes.title)
    below = title.parent.index(title) + 1
    title.parent.insert(below, nodes.raw("", links, format="html"))


def write_search_index(app: Sphinx, error: Exception | None) -> None:
    """Write the words of each question, the script _static/questions.js.

    `WORDS` leads from the stem of a word to its places, each as the distance from the
    one before. A place is three times the index of a question, plus 0 if its title has
    the word, else 1 if its statement or its topic has it, else 2 if its solution does.
    """
    if error or app.builder.format != "html":
        return
    known: Questions = app.env.get_domain("question")
    listed, words = [], defaultdict(list)
    for index, (label, question) in enumerate(known.questions.items()):
        topic = known.topic(label)
        title = "".join(part.astext() for part in known.title(label))
        asked = {"id": label, "number": question.number, "title": title, "topic": topic}
        asked["set"] = app.env.titles[question.page].astext()
        asked["sheet"] = question.sheet
        asked["page"] = app.builder.get_target_uri(question.page)
        listed.append(asked)
        page, before = known.of(question.page), set()
        statement = page.statements.get(label, set()) | stems([topic])
        levels = stems([title]), statement, page.solutions.get(label, set())
        for level, found in enumerate(levels):
            for stem in found - before:
                words[stem].append(3 * index + level)
            before |= found
    for stem, places in words.items():
        words[stem] = [place - last for last, place in pairwise([0, *places])]
    form = {"ensure_ascii": False, "separators": (",", ":"), "sort_keys": True}
    text = f"const QUESTIONS = {json.dumps(listed, **form)};\n"
    text += f"const WORDS = {json.dumps(words, **form)};\n"
    (Path(app.outdir) / "_static" / "questions.js").write_text(text, "utf-8")
