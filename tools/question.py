"""Put a new question into its problem set; `make question ID=gr-5-1` calls this.

The template is the anatomy of a question that CONTRIBUTING.md shows. What is to be
written in it is marked TODO, and the page lint names it until it is written; the page
builds meanwhile, so that a draft can be looked at.
"""

from __future__ import annotations

import argparse
import re
import sys

from lint import ID
from markdown_it import MarkdownIt
from source import ROOT, Book, SourceError, directive, write_whole

SAMPLE = "xx-1a"  # the id that the template has


def new_question(id: str, title: str, name: str, after: str, book: Book) -> str:
    """Write a question into a problem set; returns `file:line` of where it stands.

    `title`, `name` (of the set) and `after` (the id of a question) may be empty. Raises
    `ValueError` if there cannot be such a question.
    """
    if not re.fullmatch(ID, id):
        raise ValueError(f"ID={id} is not of the form of gr-5-1 or th-2a")
    if id in book.labels:
        raise ValueError(f"{id} exists, in {book.labels[id].page}.md")
    if "`" in title or not (title + " ").isprintable():
        raise ValueError("TITLE: one line without ` (write code into the page itself)")
    page = page_of(id, name, book)
    if after and (after not in book.labels or book.labels[after].page != page):
        raise ValueError(f"AFTER={after}: no such question in {page}.md")
    path = book.root / f"{page}.md"
    lines = path.read_text("utf-8").rstrip().split("\n")
    place = end_of(after, lines, book.parser) if after else len(lines)
    question = template(book).replace(SAMPLE, id)
    question = question.replace("TODO: title", title or "TODO: title")
    above, below = lines[:place], lines[place:]
    write_whole(path, "\n".join([*above, "", question, *below]) + "\n")
    return f"{page}.md:{place + 2}"


def page_of(id: str, name: str, book: Book) -> str:
    """The problem set `name`, or the one whose questions begin like `id`."""
    prefix = id.partition("-")[0]
    known = {
        label.partition("-")[0]: target.page
        for label, target in book.labels.items()
        if target.kind == "exercise"
    }
    if not name and prefix not in known:
        names = ", ".join(f"{short}- ({page})" for short, page in known.items())
        raise ValueError(f"no question begins with {prefix}-; there are {names}")
    page = f"notebooks/{name}" if name else known[prefix]
    if page not in book.pages:
        sets = [p.partition("/")[2] for p in book.pages if p.startswith("notebooks/")]
        raise ValueError(f"SET={name} is none of {', '.join(sets)}")
    if known.get(prefix, page) != page:
        raise ValueError(f"SET={name}: questions {prefix}- stand in {known[prefix]}.md")
    return page


def end_of(question: str, lines: list[str], parser: MarkdownIt) -> int:
    """The last line of the solution to a question, or of its errata."""
    solved, end = "", 0
    for token in parser.parse("\n".join(lines)):
        block = directive(token, 1)
        if block and block.name == "solution-start":
            solved = block.argument
        elif block and block.name in ("solution-end", "erratum"):
            end = token.map[1] if solved == question else end
    if not end:
        raise ValueError(f"AFTER={question}: it has no solution")
    return end


def template(book: Book) -> str:
    """The anatomy of a question, from CONTRIBUTING.md."""
    text = (book.root / "CONTRIBUTING.md").read_text("utf-8")
    return re.search(r"^````markdown\n(.*?)^````$", text, re.M | re.S)[1].strip()


def main(arguments: list[str]) -> int:
    """Add the question that the arguments name; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option in ("id", "title", "set", "after"):
        parser.add_argument(f"--{option}", default="")
    given = parser.parse_args(arguments)
    try:
        book = Book(ROOT)
        place = new_question(given.id, given.title, given.set, given.after, book)
    except (SourceError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{place}: {given.id} is new; write what is marked TODO.")
    print("`make serve` shows it, and the page lint names what is left.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
