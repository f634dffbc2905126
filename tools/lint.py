"""Look for what the tool chain would drop without a word, or a reader would miss.

    python tools/lint.py FILES

Prints `file:line: message` for each finding; the exit status is 1 if there is one.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import yaml
from lower import Notebook
from markdown_it import MarkdownIt
from markdown_it.token import Token
from source import ROOT, WITH_TEXT, Book, Directive, SourceError, directive, parser

ID = r"[a-z]{2}-\d[a-z0-9]*(-[a-z0-9]+)*"
FORBIDDEN = re.compile(
    r"\\(label|eqref)\b|\\begin\{(align|equation|gather|eqnarray|multline)\*?\}"
)
SUCCESS = re.compile(r"✓|\b(ok|pass|passe[sd]|success\w*|correct|verified)\b", re.I)
LINES, COLUMNS = 20, 79


class Page:
    """The findings in one file; `labels` holds the labels of all files so far."""

    def __init__(self, text: str, markdown: MarkdownIt, labels: set[str]):
        self.markdown, self.labels = markdown, labels
        self.findings: list[tuple[int, str]] = []
        self.unsolved: dict[str, int] = {}  # exercises: the line of each
        self.last = ""  # the exercise that a solution must follow
        self.open = ""  # the exercise whose solution is being read
        self.read(text, 1)
        for line, row in enumerate(text.split("\n"), 1):
            if "TODO" in row:
                self.add(line, f"still to be written: {row.strip('# ')}")
        for label, line in self.unsolved.items():
            self.add(line, f"the exercise {label} has no solution")
        if self.open:
            self.add(text.count("\n"), f"the solution to {self.open} has no end")

    def add(self, line: int, message: str) -> None:
        """Note a finding."""
        self.findings.append((line, message))

    def read(self, text: str, first: int) -> None:
        """Look at the blocks of a text that starts at a line of the file."""
        for token in self.markdown.parse(text):
            line = first + (token.map or [0])[0]
            try:
                block = directive(token, first)
            except yaml.YAMLError as error:
                self.add(line, f"options that are not YAML: {error}")
                continue
            if block:
                self.read_directive(block)
            elif token.type == "myst_target":
                self.label(line, token.content)
            elif token.type == "heading_open" and self.open:
                self.add(line, f"a heading inside the solution to {self.open}")
            elif token.type == "amsmath":
                self.add(line, "write `aligned` inside $$ … $$")
            elif token.type.startswith("math_block"):
                self.formula(line, token.content)
                if token.info:
                    self.label(line, token.info, "eq-" + ID)
            elif token.type == "inline":
                self.read_inline(token, line)

    def read_inline(self, token: Token, line: int) -> None:
        """Look at the links, images and formulas of a paragraph."""
        for child in token.children:
            if child.type == "image" and not child.content.strip():
                self.add(line, "an image without an alternative text")
            if child.type == "link_open" and child.attrs["href"].endswith("-solution"):
                self.add(line, "a link to a solution breaks; link to its exercise")
            if child.type in ("text", "math_inline"):
                self.formula(line, child.content)
        for before, child in pairwise(token.children):
            if child.type == "math_inline" and before.content.endswith("$"):
                self.add(line, "an empty line is missing before $$")

    def formula(self, line: int, tex: str) -> None:
        """Refuse numbers and labels that would be lost."""
        if found := FORBIDDEN.search(tex):
            self.add(line, f"{found[0]}: write $$ … $$ (eq-…), with `aligned` inside")

    def label(self, line: int, label: str, scheme: str = ".+") -> None:
        """A label must be of its scheme, and the only one."""
        if not re.fullmatch(scheme, label or ""):
            self.add(line, f"the label {label!r} is not of the form {scheme}")
        if label in self.labels:
            self.add(line, f"the label {label} is taken")
        self.labels.add(label)

    # ------------------------------------------------------------- directives

    def read_directive(self, block: Directive) -> None:
        """Look at a directive, its options and its text."""
        dropdown = "dropdown" in block.options.get("class", "")
        if not block.argument and (dropdown or block.name == "hint"):
            self.add(block.line, f"{{{block.name}}} without a title")
        if block.name == "exercise":
            self.last = block.options.get("label", "")
            self.label(block.line, self.last, ID)
            self.unsolved[self.last] = block.line
        elif block.name == "solution-start":
            self.start_solution(block)
        elif block.name == "solution-end":
            if not self.open:
                self.add(block.line, "the end of a solution that was not started")
            self.open = ""
        elif block.name == "code-cell":
            self.read_code(block)
        elif block.name == "interactive":
            self.label(block.line, block.options.get("name"), "fig-" + ID)
        if block.name in WITH_TEXT:
            self.read(block.body, block.body_line)

    def start_solution(self, block: Directive) -> None:
        """A solution follows its own exercise, once, and no solution is open."""
        if self.open:
            self.add(block.line, f"inside the solution to {self.open}")
        if block.argument not in self.unsolved:
            self.add(block.line, f"no exercise {block.argument} waits for a solution")
        elif block.argument != self.last:
            self.add(block.line, f"this solution follows the exercise {self.last}")
        self.unsolved.pop(block.argument, None)
        self.open = block.argument

    # ------------------------------------------------------------------- code

    def read_code(self, block: Directive) -> None:
        """Look at a code cell: its size, its check, its figure."""
        lines = block.body.strip("\n").split("\n")
        if len(lines) > LINES:
            self.add(block.line, f"{len(lines)} lines of code, at most {LINES}")
        for number, text in enumerate(block.body.split("\n"), block.body_line):
            if len(text) > COLUMNS:
                self.add(number, f"{len(text)} columns, at most {COLUMNS}")
        try:
            tree = ast.parse(block.body)
            comments = list(whole_line_comments(block.body))
        except SyntaxError as error:
            line = block.body_line + (error.lineno or 1) - 1
            return self.add(line, f"not Python: {error.msg}")
        if len(comments) > 1:
            self.add(block.line, f"{len(comments)} comment lines in a cell, at most 1")
        self.read_tree(tree, block.body_line - 1)
        if draws(tree) or block.figure:
            self.read_figure(block)

    def read_tree(self, tree: ast.Module, above: int) -> None:
        """Look for checks in the wrong place, star imports, claims of success."""
        last = tree.body[-1] if tree.body else None
        right = last.value if isinstance(last, ast.Expr) else None
        for node in ast.walk(tree):
            line = above + getattr(node, "lineno", 0)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                self.add(line, "a star import")
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            if name.startswith("check.") and node is not right:
                self.add(line, f"{name} is not the last statement of its cell")
            if name == "print" and SUCCESS.search(ast.unparse(node)):
                self.add(line, "a print that claims success; use a check")

    def read_figure(self, block: Directive) -> None:
        """A figure has a name, a caption and an alternative text."""
        image = block.options.get("mystnb", {}).get("image", {})
        if "name" in block.figure:
            self.label(block.line, block.figure["name"], "fig-" + ID)
        for what, text in [
            ("figure.name", block.figure.get("name")),
            ("figure.caption", block.figure.get("caption")),
            ("image.alt", image.get("alt")),
        ]:
            if not text:
                self.add(block.line, f"a cell that draws, without mystnb.{what}")


def whole_line_comments(code: str) -> Iterator[tokenize.TokenInfo]:
    """The comments that have a line of their own."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT and token.line.lstrip().startswith("#"):
            yield token


def draws(tree: ast.Module) -> bool:
    """Whether running the cell draws; what it only defines does not count."""
    definitions = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    run = (node for node in tree.body if not isinstance(node, definitions))
    for node in (node for statement in run for node in ast.walk(statement)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            figure = re.fullmatch(r"plt|ax|axes|ax_?\w", node.value.id)
            if node.attr == "subplots" or figure and node.attr != "rcParams":
                return True
    return False


def refused(files: list[str]) -> Iterator[str]:
    """What the notebook beside a page cannot be made from: the first fault of each."""
    wanted = {Path(file).resolve().with_suffix("") for file in files}
    try:
        book = Book(ROOT)
    except SourceError as error:
        yield str(error)
        return
    for page in book.pages:
        if page.startswith("notebooks/") and ROOT / page in wanted:
            try:
                Notebook(book, page)
            except SourceError as error:
                yield str(error)


def main(files: list[str]) -> int:
    """Print the findings in the files; the exit status."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    markdown, labels, findings, clean = parser(config), set(), [], []
    for file in files:
        page = Page(Path(file).read_text("utf-8"), markdown, labels)
        findings += [f"{file}:{line}: {said}" for line, said in sorted(page.findings)]
        clean += [] if page.findings else [file]
    findings += refused(clean)
    print(*findings, sep="\n", end="\n" * bool(findings))
    return int(bool(findings))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
