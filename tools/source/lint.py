"""Look for what the tool chain would drop without a word, or a reader would miss.

Prints `file:line: message` for each finding in the FILES, or in all pages of the book;
the exit status is 1 if there is one. What no source may do is a fault of its `Page` or
of its `Notebook`, and is named here with the rest.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it.token import Token

from ..workspace import ROOT
from .model import ID, Block, Book, Page, SourceError
from .notebook import Notebook
from .problems import dotted, faults_of_problems

Found = Iterator[tuple[int, str]]  # lines with what is wrong there

FORMS = {  # of labels: what they begin with, and examples
    "exercise": ("", "gr-5-1 or th-2a"),
    "equation": ("eq-", "eq-gr-5-1 or eq-th-2a-sum"),
    "figure": ("fig-", "fig-gr-5-1 or fig-th-2a-rates"),
}
FORBIDDEN = re.compile(
    r"\\(label|eqref)\b|\\begin\{(align|equation|gather|eqnarray|multline)\*?\}"
)
SUCCESS = re.compile(r"✓|\b(ok|pass|passe[sd]|success\w*|correct|verified)\b", re.I)
FIGURE = re.compile(r"\w+\.subplots|(plt|ax|axes|ax_?\w)\.(?!rcParams$)\w+")
DEFINITIONS = ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
LINES, COLUMNS = 20, 79


def findings(book: Book, page: Page) -> list[tuple[int, str]]:
    """All that is found in a page."""
    found = Notebook(book, page).faults if page.is_notebook else list(page.faults)
    for line, row in enumerate(page.text.split("\n"), 1):
        if "TODO" in row:
            found.append((line, f"still to be written: {row.strip('# ')}"))
    for block in page.walk():
        found += in_block(block)
    if page.is_notebook:
        found += in_problem_set(page)
        found += faults_of_problems(page)
    return sorted(set(found))


def in_problem_set(page: Page) -> Found:
    """What is missing in a page that is executed, or in one of its questions."""
    if page.text and "\njupytext:" not in page.text:
        yield 1, "no header: begin it as the other notebooks begin, or no code will run"
    if page.cells and len(page.opening) != 1:
        line = (page.opening[1:] or page.cells)[0].line
        yield line, f"{len(page.opening)} code cells before the first problem, not one"
    ids = {question.id for question in page.questions}
    for block in page.walk():
        about = block.options.get("question")
        if block.kind == "exercise" and (block.own_label or "") not in ids:
            yield block.line, "an exercise before the first problem (a heading with ##)"
        if block.kind == "erratum" and about not in ids:
            yield block.line, f"an erratum about {about}, no question of this page"
    for question in page.questions:
        if not question.difficulty:
            begin = "*Difficulty 2, 30 minutes.* or the like"
            yield question.line, f"{question.id} does not begin with {begin}"


def in_block(block: Block) -> Found:
    """Look at plain Markdown, or at a directive, but not inside it."""
    dropdown = "dropdown" in block.options.get("class", "") and block.inside
    if not block.argument and (dropdown or block.kind == "hint"):
        yield block.line, f"{{{block.kind}}} without a title"
    if block.declared and block.declared.number:
        kind = "exercise" if block.kind == "exercise" else "figure"
        yield from in_label(block.line, block.own_label, kind)
    if block.kind == "code-cell":
        yield from in_code(block)
    for token in block.tokens:
        line = block.first + (token.map or [0])[0]
        if token.type == "amsmath":
            yield line, "write `aligned` inside $$ … $$"
        elif token.type == "inline":
            yield from in_paragraph(token, line)
        elif token.type.startswith("math_block"):
            yield from in_formula(token.content, line)
            yield from in_label(line, token.info, "equation")


def in_label(line: int, label: str | None, kind: str) -> Found:
    """A label must be of the form of its kind."""
    prefix, examples = FORMS[kind]
    if label and not re.fullmatch(prefix + ID, label):
        yield line, f"the label {label!r} of this {kind} is not like {examples}"


def in_paragraph(token: Token, line: int) -> Found:
    """Look at links, images and formulas."""
    for child in token.children:
        if child.type == "image" and not child.content.strip():
            yield line, "an image without an alternative text"
        if child.type == "link_open" and child.attrs["href"].endswith("-solution"):
            yield line, "a link to a solution breaks; link to its exercise"
        if child.type in ("text", "math_inline"):
            yield from in_formula(child.content, line)
    for before, child in pairwise(token.children):
        if child.type == "math_inline" and before.content.endswith("$"):
            yield line, "an empty line is missing before $$"


def in_formula(tex: str, line: int) -> Found:
    """Refuse numbers and labels that would be lost."""
    if found := FORBIDDEN.search(tex):
        yield line, f"{found[0]}: write $$ … $$ (eq-…), with `aligned` inside"


def in_code(block: Block) -> Found:
    """Look at a code cell: its size, its statements, its figure."""
    count = len(block.body.strip("\n").split("\n"))
    if count > LINES:
        yield block.line, f"{count} lines of code, at most {LINES}"
    for line, text in enumerate(block.body.split("\n"), block.body_line):
        if len(text) > COLUMNS:
            yield line, f"{len(text)} columns, at most {COLUMNS}"
    try:
        statements = block.tree.body
    except SyntaxError as error:
        line = block.body_line + (error.lineno or 1) - 1
        yield line, f"not Python: {error.args[0]}"
        return
    if (comments := whole_line_comments(block.body)) > 1:
        yield block.line, f"{comments} comment lines in a cell, at most 1"
    last = statements[-1] if statements else None
    check = last.value if isinstance(last, ast.Expr) else None  # its only place
    draws = bool(block.figure)
    for statement in statements:
        executed = not isinstance(statement, DEFINITIONS)
        for node in ast.walk(statement):
            line = block.body_line - 1 + getattr(node, "lineno", 0)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                yield line, "a star import"
            elif isinstance(node, ast.Attribute) and executed:
                draws = draws or bool(FIGURE.fullmatch(dotted(node)))
            elif isinstance(node, ast.Call):
                name = dotted(node.func)
                if name.startswith("check.") and node is not check:
                    yield line, f"{name} is not the last statement of its cell"
                if name == "print" and SUCCESS.search(ast.unparse(node)):
                    yield line, "a print that claims success; use a check"
    image = block.options.get("mystnb", {}).get("image", {})
    for what, text in [
        ("figure.name", block.figure.get("name")),
        ("figure.caption", block.figure.get("caption")),
        ("image.alt", image.get("alt")),
    ]:
        if draws and not text:
            yield block.line, f"a cell that draws, without mystnb.{what}"


def whole_line_comments(code: str) -> int:
    """How many comments have a line of their own."""
    if len(re.findall(r"^\s*#", code, re.M)) < 2:
        return 0  # whatever this is
    return sum(
        token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
    )


def main(files: list[str], root: Path = ROOT) -> int:
    """Print the findings in the files, or in all pages; the exit status."""
    try:
        book = Book(root)
    except SourceError as error:
        print(error)
        return 1
    pages = {page.path.resolve(): page for page in book.pages.values()}
    status = 0
    for path in [Path(file).resolve() for file in files] or pages:
        said = f"{path}:1: not in _toc.yml, so it is on no page"
        if path in pages:
            said = pages[path].located(findings(book, pages[path]))
        if said:
            print(said)
            status = 1
    return status
