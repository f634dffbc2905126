"""Errata: each stands next to its answer, and all are listed on one page.

    ```{erratum} gr-e3
    :question: gr-2-1
    :verdict: wrong
    A short title as a sentence

    **Printed.** ... **Right.** ... **Shown by.** ...
    ```

`{errata-list}` shows them all, grouped by verdict and problem set.
"""

from docutils import nodes
from docutils.parsers.rst import directives as options
from sphinx import addnodes
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from tools.source.directives import VERDICTS

from .checks import checks_of
from .questions import erratum
from .views import ERRATA, View, paragraph, section_id, table

logger = logging.getLogger(__name__)


class Erratum(SphinxDirective):
    """Say that what is printed is wrong, or right although it looks wrong."""

    required_arguments = 1
    has_content = True
    option_spec = {
        "question": options.unchanged_required,
        "verdict": lambda text: options.choice(text, tuple(VERDICTS)),
    }

    def run(self) -> list[nodes.Node]:
        """Raise an error if the question, the verdict or the title is missing."""
        id, title = self.arguments[0], list(self.content[:2])
        if missing := self.option_spec.keys() - self.options.keys():
            raise self.error(f"erratum {id} lacks {', '.join(sorted(missing))}")
        if not title or "".join(title[1:]).strip():
            raise self.error(f"erratum {id}: first a line with its title, then a blank")
        verdict = self.options["verdict"]
        classes = ["erratum", f"erratum-{verdict}"]
        node = erratum(ids=[id], classes=classes, **self.options)
        self.set_source_info(node)
        words, messages = self.state.inline_text(title[0], self.lineno)
        kind = nodes.inline("", f"Erratum {id}, {VERDICTS[verdict]}: ")
        node += nodes.title("", "", kind, *words)
        self.state.nested_parse(self.content[2:], self.content_offset + 2, node)
        labels = self.env.get_domain("std").labels
        labels[id] = self.env.docname, id, f"Erratum {id}"
        return [node, *messages]


def link_to_list(env: BuildEnvironment, document: nodes.document) -> None:
    """Below each erratum, links to its question, its checks and the list of all."""
    view = View(env)
    for node in document.findall(erratum):
        if node["question"] not in view.known.questions:
            logger.warning("no such question: %s", node["question"], location=node)
        node += (line := _links(view, node))
        everything = view.link("all errata", ERRATA, node["ids"][0])
        line += [nodes.Text(" · "), everything]


def errata_list(view: View, _) -> list[nodes.Node]:
    """How many errata there are of each verdict, which leads to them; then all.

    What is wrong comes first, of all problem sets, then the slips, and so on.
    """
    pages, sections = view.known.problem_sets, []
    rows = {page: [view.env.titles[page].astext()] for page in pages}
    totals = ["The whole book"]
    for verdict, name in VERDICTS.items():
        section = nodes.section("", nodes.title("", _large(name)), ids=[verdict])
        total = 0
        for page in pages:
            found = [e for e in view.known.of(page).errata if e["verdict"] == verdict]
            number, id = str(len(found)), f"{section_id(page)}-{verdict}"
            rows[page].append(view.link(number, ERRATA, id) if found else number)
            total += len(found)
            if found:
                section += view.section(page, *(_copy(view, one) for one in found))
                section[-1]["ids"] = [id]
        totals.append(view.link(str(total), ERRATA, verdict) if total else "0")
        if total:
            sections.append(section)
    head = ("Problem set", *map(_large, VERDICTS.values()))
    return [table("verdicts", head, [*rows.values(), totals]), *sections]


def _large(words: str) -> str:
    return words[0].upper() + words[1:]


def _links(view: View, node: erratum) -> nodes.paragraph:
    """A line of links to the question and to the very checks."""
    line = paragraph(classes=["erratum-links"])
    question = view.known.questions.get(node["question"])
    if not question:
        return line
    line += view.to_question(question.id)
    checks = checks_of(view.env, question.page)
    own = [check for check in checks if check["id"] == node["ids"][0]]
    asked = [check for check in checks if check["id"] == question.id]
    for n, check in enumerate(own or asked, 1):
        text, before = str(n), ", " if n > 1 else " · checks of the exercise: "
        if own:
            text, before = check["claim"], " · check: "
        anchor = f"check-{check['name']}"
        link = view.link(text, question.page, anchor, reftitle=check["claim"])
        line += [nodes.Text(before), link]
    return line


def _copy(view: View, original: erratum) -> erratum:
    """A copy for another page: no label or number of an equation twice."""
    copy = original.deepcopy()
    for part in copy.findall(nodes.Element, include_self=False):
        part["ids"], part["names"] = [], []
        if isinstance(part, nodes.math_block):
            part["label"] = part["number"] = None
        if isinstance(part, addnodes.pending_xref):
            part["refdoc"] = view.env.docname
    copy += _links(view, original)
    return copy
