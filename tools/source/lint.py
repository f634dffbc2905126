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
    yield from faults_of_problems(page)


# ------------------------------------------------------------------------- text


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


# ------------------------------------------------------------------------- code


def in_code(block: Block) -> Found:
    """Look at a code cell: its size, its check, its figure."""
    count = len(block.body.strip("\n").split("\n"))
    if count > LINES:
        yield block.line, f"{count} lines of code, at most {LINES}"
    for line, text in enumerate(block.body.split("\n"), block.body_line):
        if len(text) > COLUMNS:
            yield line, f"{len(text)} columns, at most {COLUMNS}"
    try:
        tree = ast.parse(block.body)
        comments = whole_line_comments(block.body)
    except (SyntaxError, tokenize.TokenError) as error:
        line = block.body_line + (getattr(error, "lineno", 1) or 1) - 1
        yield line, f"not Python: {error.args[0]}"
        return
    if comments > 1:
        yield block.line, f"{comments} comment lines in a cell, at most 1"
    yield from in_tree(tree, block.body_line - 1)
    if draws(tree) or block.figure:
        image = block.options.get("mystnb", {}).get("image", {})
        for what, text in [
            ("figure.name", block.figure.get("name")),
            ("figure.caption", block.figure.get("caption")),
            ("image.alt", image.get("alt")),
        ]:
            if not text:
                yield block.line, f"a cell that draws, without mystnb.{what}"


def in_tree(tree: ast.Module, above: int) -> Found:
    """Look for checks in the wrong place, star imports, claims of success."""
    last = tree.body[-1] if tree.body else None
    right = last.value if isinstance(last, ast.Expr) else None
    for node in ast.walk(tree):
        line = above + getattr(node, "lineno", 0)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield line, "a star import"
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name.startswith("check.") and node is not right:
            yield line, f"{name} is not the last statement of its cell"
        if name == "print" and SUCCESS.search(ast.unparse(node)):
            yield line, "a print that claims success; use a check"


def whole_line_comments(code: str) -> int:
    """How many comments have a line of their own."""
    if len(re.findall(r"^\s*#", code, re.M)) < 2:
        return 0  # whatever this is
    return sum(
        token.type == tokenize.COMMENT and token.line.lstrip().startswith("#")
        for token in tokenize.generate_tokens(io.StringIO(code).readline)
    )


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


def main(files: list[str], root: Path = ROOT) -> int:
    """Print the findings in the files, or in all pages; the exit status."""
    try:
        book = Book(root)
    except SourceError as error:
        print(error)
        return 1
    pages = {page.path.resolve(): page for page in book.pages.values()}
    said = []
    for path in [Path(file).resolve() for file in files] or pages:
        if path in pages:
            page = pages[path]
            said += [page.located(found)] if (found := findings(book, page)) else []
        else:
            said.append(f"{path}:1: not in _toc.yml, so it is on no page")
    print(*said, sep="\n", end="\n" * bool(said))
    return int(bool(said))
