"""The directives that a source may use, each declared here and nowhere else.

To add one, add a line to `DIRECTIVES`: what it needs, whether it holds text and has a
label or a number, which method of `notebook.Plain` writes it as plain Markdown, and
which class of `book/extension` shows it on the site (none if a library brings it). The
model, the lint, the notebooks and the site all read this list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A directive.

    `label`: the option that is its label, or "argument"; `number`: how it is called,
    `{}` standing for its number; `markdown`: the method of `Plain` that writes it,
    empty where the notebook as a whole has to know it; `site`: `module.Class` below
    `book/extension`.
    """

    name: str
    required: frozenset[str] = frozenset()
    has_text: bool = False
    label: str = ""
    number: str = ""
    markdown: str = ""
    site: str = ""


OPTIONAL = frozenset({"class", "tags", "mystnb"})  # of all directives

DIRECTIVES = {
    kind.name: kind
    for kind in (
        Kind("admonition", has_text=True, markdown="quotation"),
        Kind("note", has_text=True, markdown="titled"),
        Kind("warning", has_text=True, markdown="titled"),
        Kind("hint", has_text=True, markdown="fold", site="directives.Hint"),
        Kind(
            "erratum",
            frozenset({"question", "verdict"}),
            has_text=True,
            label="argument",
            markdown="erratum",
            site="errata.Erratum",
        ),
        Kind(
            "interactive",
            frozenset({"alt", "name"}),
            has_text=True,
            label="name",
            number="Fig. {}",
            markdown="interactive",
            site="directives.Interactive",
        ),
        Kind(
            "exercise",
            frozenset({"label"}),
            has_text=True,
            label="label",
            number="Exercise {}",
        ),
        Kind("solution-start"),
        Kind("solution-end"),
        Kind("code-cell", label="figure", number="Fig. {}"),
    )
}
VERDICTS = {
    "wrong": "wrong",
    "misprint": "misprint",
    "incomplete": "incomplete",
    "right": "looks wrong and is right",
}
