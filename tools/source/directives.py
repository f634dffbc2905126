"""The directives that a source may use, each declared here and nowhere else.

To add one, add a line to `DIRECTIVES`: what it needs, whether it holds text and has a
label or a number, which method of `notebook.Notebook` writes it as plain Markdown, and
which class of `book/extension` shows it on the site (none if a library brings it). The
model, the lint, the notebooks and the site all read this list.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A directive.

    `title`: what it is called where that is not its argument; `is_box`: it may stand in
    the text of another; `label`: the option that is its label, or "argument"; `number`:
    how it is called, `{}` standing for its number; `markdown`: the method of `Notebook`
    that writes it; `site`: `module.Class` below `book/extension`.
    """

    name: str
    markdown: str
    required: frozenset[str] = frozenset()
    has_text: bool = False
    is_box: bool = False
    title: str = ""
    label: str = ""
    number: str = ""
    site: str = ""


OPTIONAL = frozenset({"class", "tags", "mystnb"})  # of all directives

DIRECTIVES = {
    kind.name: kind
    for kind in (
        Kind("admonition", "quotation", has_text=True, is_box=True),
        Kind("note", "quotation", has_text=True, is_box=True, title="Note"),
        Kind("warning", "quotation", has_text=True, is_box=True, title="Warning"),
        Kind("hint", "fold", has_text=True, is_box=True, site="directives.Hint"),
        Kind(
            "erratum",
            "erratum",
            frozenset({"question", "verdict"}),
            has_text=True,
            is_box=True,
            label="argument",
            site="errata.Erratum",
        ),
        Kind(
            "interactive",
            "interactive",
            frozenset({"alt", "name"}),
            has_text=True,
            label="name",
            number="Fig. {}",
            site="directives.Interactive",
        ),
        Kind(
            "exercise",
            "exercise",
            frozenset({"label"}),
            has_text=True,
            label="label",
            number="Exercise {}",
        ),
        Kind("solution-start", "start_solution"),
        Kind("solution-end", "end_solution"),
        Kind("code-cell", "code", label="figure", number="Fig. {}"),
    )
}
VERDICTS = {
    "wrong": "wrong",
    "misprint": "misprint",
    "incomplete": "incomplete",
    "right": "looks wrong and is right",
}
