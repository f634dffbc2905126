"""Write the notebook that Colab and plain Jupyter show beside each MyST source.

    python tools/lower.py [--check] [notebooks/NAME.md ...]

Neither of them knows MyST, so everything is lowered to plain Markdown: exercises become
numbered headings, hints fold, solutions are collapsed sections, equations carry their
numbers, links lead somewhere. A notebook depends on the sources, _config.yml, _toc.yml,
results/*.json and, for cells with a check, the outputs in _build/executed.
With --check nothing is written, and the exit status is 1 if a committed notebook is not
what its source gives.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nbformat
import nbformat.v4 as nbf
from nbval.plugin import get_sanitize_patterns
from plain import Plain
from source import ROOT, Book, Directive, SourceError, write_whole

INSTALL = """\
if not __import__("importlib.util").util.find_spec("helpers"):
    %pip install -q --no-deps git+{}"""


class Notebook:
    """One page on its way to a notebook."""

    def __init__(self, book: Book, page: str):
        self.book, self.plain = book, Plain(book, page)
        self.cells: list[nbformat.NotebookNode] = []
        self.folded: list[str] = []  # ids of the cells whose section is collapsed
        self._parts: list[str] = []  # of the Markdown cell that is being written
        self._ids: Counter = Counter()
        self._section = "title"  # what the ids of cells are made from
        self._exercise = ""  # the label of the last one
        self._solution = "none"  # "open" from its start to its end, then "closed"
        text = (book.root / f"{page}.md").read_text("utf-8")
        for line, kind, content in self.plain.blocks(text, 1):
            with self.plain.at(line):
                self._add(kind, content)
        if self._solution == "open":
            raise SourceError(f"{page}.md: the solution to {self._exercise} has no end")
        self._flush()

    def _add(self, kind: str, content: str | Directive) -> None:
        outside = kind in ("heading", "exercise", "solution-start")
        if outside and self._solution == "open":
            raise ValueError(f"{kind} inside the solution to {self._exercise}")
        if not outside and self._solution == "closed":  # else it folds away as well
            self._start(f"{self._exercise}-remarks", f"Remarks on {self._link_back()}")
        if kind == "heading":
            self._add_heading(content)
        elif kind == "exercise":
            self._add_exercise(content)
        elif kind == "solution-start":
            self._open_solution(content)
        elif kind == "solution-end":
            self._flush()
            self._solution = "closed"
        elif kind == "code-cell":
            self._add_code(content)
        else:
            self._parts.append(content if kind == "text" else self.plain.box(content))

    def _cell(self, new: Callable, source: str) -> nbformat.NotebookNode:
        self._ids[self._section] += 1
        count = self._ids[self._section]
        id = self._section if count == 1 else f"{self._section}_{count}"
        self.cells.append(new(source, id=id))
        return self.cells[-1]

    def _flush(self) -> None:
        if not self._parts:
            return
        self._cell(nbf.new_markdown_cell, "\n\n".join(self._parts))
        self._parts = []
        if len(self.cells) == 1:
            install = INSTALL.format(self.book.repository)
            self.cells.append(nbf.new_code_cell(install, id="install"))

    def _start(self, section: str, heading: str, level: int = 3) -> None:
        self._flush()
        self._section, self._solution = section, "none"
        self._parts = [f"{'#' * level} {heading}"]

    def _add_heading(self, heading: str) -> None:
        level, words = heading.split(" ", 1)
        if level not in ("#", "##", "###"):
            raise ValueError("a heading is written with one to three #")
        section = re.sub(r"[^a-z0-9]+", "-", words.split("<")[0].lower())
        self._start(section.strip("-")[:40], words, len(level))

    def _add_exercise(self, block: Directive) -> None:
        label = self._exercise = block.options["label"]
        title = self.plain.text(block.argument, block.line)
        name = self.book.labels[label].name + f" ({title})" * bool(title)
        self._start(label, f'{name} <a id="{label}"></a>')
        self._parts.append(self.plain.text(block.body, block.body_line))

    def _link_back(self) -> str:
        return f"[{self.book.labels[self._exercise].name}](#{self._exercise})"

    def _open_solution(self, block: Directive) -> None:
        if block.argument != self._exercise:
            raise ValueError(f"the exercise before is not {block.argument}")
        self._start(f"{self._exercise}-solution", f"Solution to {self._link_back()}")
        self._flush()
        heading, self._solution = self.cells[-1], "open"
        heading.metadata = {"id": heading.id, "jp-MarkdownHeadingCollapsed": True}
        self.folded.append(heading.id)

    def _add_code(self, block: Directive) -> None:
        self._flush()
        cell = self._cell(nbf.new_code_cell, block.body.strip("\n"))
        if tags := block.options.get("tags"):
            cell.metadata["tags"] = tags
        if block.figure:
            name = self.book.labels[block.figure["name"]].name
            caption = self.plain.text(block.figure["caption"].strip(), block.line)
            anchor = f'<a id="{block.figure["name"]}"></a>'
            self._parts = [f"{anchor}*{name}. {caption}*"]


# ---------------------------------------------------------------------- outputs


def add_references(cells: list, executed: Path, committed: Path) -> None:
    """Give each cell with a check the output that it had in the execution.

    A committed output that agrees with it, but for numbers that nbval forgives as
    well, stays: so machines with other last digits give the same bytes.
    """
    code = [cell for cell in cells if cell.cell_type == "code" and cell.id != "install"]
    if not any("check." in cell.source for cell in code):
        return
    if not executed.exists():
        raise SourceError(f"{executed} is missing: run `make book` first")
    ran = [c for c in nbformat.read(executed, 4).cells if c.cell_type == "code"]
    if [c.source.strip() for c in ran] != [c.source.strip() for c in code]:
        raise SourceError(f"{executed} is of another source: run `make book` first")
    old = nbformat.read(committed, 4).cells if committed.exists() else []
    kept = {c.id: c.outputs[0].data for c in old if c.get("outputs")}
    for number, (cell, execution) in enumerate(zip(code, ran, strict=True), 2):
        if not re.search(r"^check\.", cell.source, re.M):
            continue
        outputs = [o for o in execution.outputs if o.output_type == "execute_result"]
        if len(outputs) != 1 or len(execution.outputs) != 1:
            raise SourceError(f"{executed}: cell {cell.id} shows more than its check")
        data = {kind: outputs[0].data[kind] for kind in ("text/html", "text/plain")}
        if same(data, kept.get(cell.id)):
            data = kept[cell.id]
        cell.outputs = [nbf.new_output("execute_result", data, execution_count=number)]
        cell.execution_count = number  # nbval compares only what was run
        cell.metadata.setdefault("tags", []).append("nbval-check-output")


def same(one: dict, other: dict | None) -> bool:
    """Outputs are equal, but for numbers that differ between machines."""
    return forgive(str(one)) == forgive(str(other and dict(other)))


def forgive(text: str) -> str:
    """A text without the digits that differ between machines."""
    sanitizer = (ROOT / "tests/nbval.ini").read_text("utf-8")
    for pattern, replacement in get_sanitize_patterns(sanitizer):
        text = re.sub(pattern, replacement, text)
    return text


def lower(book: Book, page: str, executed: Path | None = None) -> str:
    """The text of the notebook that a page gives, with outputs as `executed`."""
    notebook = Notebook(book, page)
    executed = executed or book.executed / f"{page}.ipynb"
    add_references(notebook.cells, executed, book.root / f"{page}.ipynb")
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {
        "colab": {"collapsed_sections": notebook.folded},
        "kernelspec": kernel,
        "language_info": {"name": "python"},
    }
    whole = nbf.new_notebook(cells=notebook.cells, metadata=metadata)
    nbformat.validate(whole)
    return nbformat.writes(whole) + "\n"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write or compare notebooks; the exit status."""
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--check", action="store_true", help="compare, write nothing")
    options.add_argument("sources", nargs="*", type=Path, help="default: all of them")
    given = options.parse_args(arguments)
    names = [source.stem for source in given.sources]
    status = 0
    try:
        book = Book(root)
        pages = [page for page in book.pages if page.startswith("notebooks/")]
        if unknown := {f"notebooks/{name}" for name in names} - set(pages):
            raise SourceError(f"not in _toc.yml: {', '.join(sorted(unknown))}")
        for page in pages:
            notebook = root / f"{page}.ipynb"
            if names and notebook.stem not in names:
                continue
            text = lower(book, page)
            if notebook.exists() and notebook.read_text("utf-8") == text:
                continue
            if given.check:
                print(f"{page}.ipynb is not what {page}.md gives: run `make notebooks`")
                status = 1
                continue
            write_whole(notebook, text)
            print(f"wrote {page}.ipynb")
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
