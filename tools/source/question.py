"""Begin a new question in its problem set; `make question ID=gr-5-1` calls this.

The template is the anatomy of a question in CONTRIBUTING.md. What is to be written in
it is marked TODO, and the page lint names it until it is written.
"""

import re
from pathlib import Path

from helpers.files import write_whole

from ..workspace import ROOT, SourceError, parse
from .model import ID, Book

TEMPLATE = re.compile(r"^````markdown\n(.*?)\s*^````$", re.M | re.S)


def new_question(book: Book, id: str, title: str, name: str, after: str) -> str:
    """Write a question into a problem set; returns `file:line` of where it stands.

    `title`, `name` (of the set, else told by `id`), `after` (the id of another) may be
    empty. Raises `SourceError` if there cannot be such a question.
    """
    if id in book.labels:
        raise SourceError(f"{id} exists, in {book.labels[id].page}.md")
    prefix = id.partition("-")[0]
    known = {q.id.partition("-")[0]: q.page for q in book.questions.values()}
    if not name and prefix not in known:
        names = ", ".join(f"{short}- ({page})" for short, page in known.items())
        raise SourceError(f"no question begins with {prefix}-; there are {names}")
    page = book.pages.get(f"notebooks/{name}" if name else known[prefix])
    if not page:
        sets = ", ".join(page.path.stem for page in book.notebooks)
        raise SourceError(f"SET={name} is none of {sets}")
    if (where := known.get(prefix, page.name)) != page.name:
        raise SourceError(f"SET={name}: questions {prefix}- stand in {where}.md")
    lines = page.text.rstrip().split("\n")
    place = len(lines)
    if after:
        before = book.questions.get(after)
        if not before or before.page != page.name:
            raise SourceError(f"AFTER={after}: no such question in {page.name}.md")
        if not before.solution:
            raise SourceError(f"AFTER={after}: it has no solution")
        place = before.end
    question = TEMPLATE.search((book.root / "CONTRIBUTING.md").read_text("utf-8"))[1]
    question = question.replace("xx-1a", id)
    question = question.replace("TODO: title", title or "TODO: title")
    lines[place:place] = ["", question]
    write_whole(page.path, "\n".join(lines) + "\n")
    return f"{page.name}.md:{place + 2}"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Add the question that the arguments name; the exit status."""
    options = ("--id", "--title", "--set", "--after")
    given = parse(__doc__, arguments, dict.fromkeys(options, {"default": ""}))
    id, title, name, after = vars(given).values()
    if not re.fullmatch(ID, id):
        raise SourceError(f"ID={id} is not of the form of gr-5-1 or th-2a")
    if "`" in title or not (title + " ").isprintable():
        raise SourceError("TITLE: one line without ` (write code into the page)")
    place = new_question(Book(root), id, title, name, after)
    print(f"{place}: {id} is new; write what is marked TODO.")
    print("`make serve` shows it, and the page lint names what is left.")
    return 0
