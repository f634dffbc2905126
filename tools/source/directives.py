"""The directives that a source may use, each declared here and nowhere else.

To add one, add a line to `DIRECTIVES`, and to `notebook.Notebook` a method of its name
that writes it as plain Markdown. The model, the lint, the notebooks and the site all
read this list.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A directive.

    `body`: "text", "box" if it may also stand in the text of another, or ""; `required`
    options; `label`: the option that is its label, "argument", or "figure" (the name of
    the figure); `number`: how it is called, `{}` standing for its number; `title`: what
    it is called where that is not its argument; `site`: `module.Class` below
    `book/extension` that shows it, unless a library does.
    """

    name: str
    body: str = ""
    required: Set[str] = frozenset()
    label: str = ""
    number: str = ""
    title: str = ""
    site: str = ""


OPTIONAL = {"class", "tags", "mystnb"}  # of all directives

DIRECTIVES = {
    kind.name: kind
    for kind in (
        Kind("admonition", "box"),
        Kind("note", "box", title="Note"),
        Kind("warning", "box", title="Warning"),
        Kind("hint", "box", site="directives.Hint"),
        Kind("answer", "text", site="directives.Answer"),
        Kind(
            "erratum", "box", {"question", "verdict"}, "argument", site="errata.Erratum"
        ),
        Kind(
            "interactive",
            "text",
            {"alt", "name"},
            "name",
            "Fig. {}",
            site="directives.Interactive",
        ),
        Kind("exercise", "text", {"label"}, "label", "Exercise {}"),
        Kind("solution-start"),
        Kind("solution-end"),
        Kind("deeper-start", site="folds.DeeperStart"),
        Kind("deeper-end", site="folds.DeeperEnd"),
        Kind("code-cell", label="figure", number="Fig. {}"),
    )
}
VERDICTS = {
    "wrong": "wrong",
    "misprint": "slip of the pen",
    "incomplete": "could say more",
    "right": "looks wrong and is right",
}
