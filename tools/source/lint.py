"""Look for what the tool chain would drop without a word, or a reader would miss.

Prints `file:line: message` for each finding in the FILES, or in all pages of the book;
the exit status is 1 if there is one. What no source may do is a fault of its `Page` or
of its `Notebook`, and is named here with the rest.
"""

import ast
import builtins
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from markdown_it.token import Token

from claims.slices import Code, names

from ..workspace import ROOT
from .model import ID, Block, Book, Page
from .notebook import Notebook

Found = Iterator[tuple[int, str]]  # lines with what is wrong there

PREFIXES = {"exercise": "", "equation": "eq-", "figure": "fig-"}  # of labels
FORBIDDEN = re.compile(
    r"\\(label|eqref)\b|\\begin\{(align|equation|gather|eqnarray|multline)\*?\}"
)
LINES, COLUMNS = 20, 79
ANSWER = 60  # words, of which a formula is one
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
SUCCESS = re.compile(r"✓|\b(ok|pass|passe[sd]|success\w*|correct|verified)\b", re.I)
FIGURE = re.compile(r"\w+\.subplots|(plt|ax|axes|ax_?\w)\.(?!rcParams$)\w+")
# begins large, has no TeX, no full stop at its end, at most so many characters
CLAIM = re.compile(r"(?![a-z]{2})[^$\\\n]{5,200}(?<![.!])")
DRAWS = re.compile(
    r"torch\.(rand|randn|randint|rand\w*_like|randperm|normal|bernoulli|multinomial)|"
    r"np\.random\.(?!seed|default_rng|[A-Z])\w+"
)
LATER = ast.FunctionDef | ast.ClassDef  # what is in it is executed later


def findings(book: Book, page: Page) -> list[tuple[int, str]]:
    """All that is found in a page."""
    found = Notebook(book, page).faults if page.is_notebook else list(page.faults)
    for line, row in enumerate(page.text.split("\n"), 1):
        if "TODO" in row:
            found.append((line, f"still to be written: {row.strip('# ')}"))
    for block in page.walk():
        found += _in_block(block)
    if page.is_notebook:
        found += _in_problem_set(page)
    return sorted(set(found))


def _in_block(block: Block) -> Found:
    dropdown = "dropdown" in block.options.get("class", "") and block.inside
    if not block.argument and (dropdown or block.kind == "hint"):
        yield block.line, f"{{{block.kind}}} without a title"
    if block.declared and block.declared.number:
        kind = "exercise" if block.kind == "exercise" else "figure"
        yield from _in_label(block.line, block.own_label, kind)
    if block.kind == "code-cell":
        yield from _in_cell(block)
    for token in block.tokens:
        line = block.first + (token.map or [0])[0]
        if token.type == "amsmath":
            yield line, "write `aligned` inside $$ … $$"
        elif token.type == "inline":
            yield from _in_paragraph(token, line)
        elif token.type.startswith("math_block"):
            yield from _in_formula(token.content, line)
            yield from _in_label(line, token.info, "equation")


def _in_label(line: int, label: str | None, kind: str) -> Found:
    prefix = PREFIXES[kind]
    if label and not re.fullmatch(prefix + ID, label):
        like = f"{prefix}gr-5-1 or {prefix}th-2a-sum"
        yield line, f"the label {label!r} of this {kind} is not like {like}"


def _in_paragraph(token: Token, line: int) -> Found:
    for child in token.children:
        if child.type == "image" and not child.content.strip():
            yield line, "an image without an alternative text"
        if child.type == "link_open" and child.attrs["href"].endswith("-solution"):
            yield line, "a link to a solution breaks; link to its exercise"
        if child.type in ("text", "math_inline"):
            yield from _in_formula(child.content, line)
    for before, child in pairwise(token.children):
        if child.type == "math_inline" and before.content.endswith("$"):
            yield line, "an empty line is missing before $$"


def _in_formula(tex: str, line: int) -> Found:
    if found := FORBIDDEN.search(tex):
        yield line, f"{found[0]}: write $$ … $$ (eq-…), with `aligned` inside"


def _in_cell(block: Block) -> Found:
    if (count := block.body.strip("\n").count("\n") + 1) > LINES:
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
    tokens = tokenize.generate_tokens(io.StringIO(block.body).readline)
    kinds = [token.type for token in tokens if token.line.lstrip().startswith("#")]
    if (count := kinds.count(tokenize.COMMENT)) > 1:
        yield block.line, f"{count} comment lines in a cell, at most 1"
    last = statements[-1] if statements else None
    check = last.value if isinstance(last, ast.Expr) else None  # its only place
    draws, figure = bool(block.figure), block.figure
    for top, node in [(s, n) for s in statements for n in ast.walk(s)]:
        line = block.body_line - 1 + getattr(node, "lineno", 0)
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            yield line, "a star import"
        elif isinstance(node, ast.Attribute) and not isinstance(top, LATER):
            draws = draws or bool(FIGURE.fullmatch(_dotted(node)))
        elif isinstance(node, ast.Call):
            name = _dotted(node.func)
            if name.startswith("check.") and node is not check:
                yield line, f"{name} is not the last statement of its cell"
            if name == "print" and SUCCESS.search(ast.unparse(node)):
                yield line, "a print that claims success; use a check"
    alt = block.options.get("mystnb", {}).get("image", {}).get("alt")
    words = {f"figure.{part}": figure.get(part) for part in ("name", "caption")}
    for what, text in (words | {"image.alt": alt}).items():
        if draws and not text:
            yield block.line, f"a cell that draws, without mystnb.{what}"


def _in_problem_set(page: Page) -> Found:
    if page.text and "\njupytext:" not in page.text:
        yield 1, "no header: begin it as the other notebooks begin, or no code will run"
    if page.cells and len(page.opening) != 1:
        line = (page.opening[1:] or page.cells)[0].line
        yield line, f"{len(page.opening)} code cells before the first problem, not one"
    ids = {question.id for question in page.questions}
    known = ids | {block.argument for block in page.walk() if block.kind == "erratum"}
    for block in page.walk():
        about = block.options.get("question")
        if block.kind == "exercise" and (block.own_label or "") not in ids:
            yield block.line, "an exercise before the first problem (a heading with ##)"
        if block.kind == "erratum" and about not in ids:
            yield block.line, f"an erratum about {about}, no question of this page"
    for question in page.questions:
        if not question.answer:
            yield question.exercise.line, f"{question.id} has no {{answer}}"
        elif (count := _words(question.answer)) > ANSWER:
            yield question.answer.line, f"an answer of {count} words, at most {ANSWER}"
        if not question.difficulty:
            begin = "*Difficulty 2, 30 minutes.* or the like"
            yield question.exercise.line, f"{question.id} does not begin with {begin}"
    try:
        codes = [Statements(page.opening + problem.cells) for problem in page.problems]
    except SyntaxError:
        return  # which is found in its cell; who can tell what that defines?
    checked, earlier = set(), {}  # names, with the problems that define them
    for problem, code in zip(page.problems, codes, strict=True):
        yield from code.foreign_names(earlier)
        yield from code.random_draws()
        yield from code.shortened_lists()
        earlier |= dict.fromkeys(code.defined, problem.title)
        for top, call in code.checks():
            id = getattr(call.args[0], "value", None) if call.args else None
            checked.add(id)
            yield from _in_claim(call, code.lines[top])
            if isinstance(id, str) and id not in known:
                said = f"a check of {id}, no question or erratum of this page"
                yield code.lines[top], said
    for question in page.questions:
        about = {question.id, *(erratum.argument for erratum in question.errata)}
        cells = (b for b in question.solution if b.kind == "code-cell")
        if any(cell.tree.body for cell in cells) and not about & checked:
            yield question.exercise.line, f"{question.id} has code and no check"


def _words(block: Block) -> int:
    """The words of a text; a formula or a role counts as one."""
    count = 0
    for part in block.inside:
        for token in part.tokens:
            count += token.type.startswith("math_block")
            for child in token.children or ():
                formula = child.type in ("math_inline", "myst_role")
                text = child.content if child.type in ("text", "code_inline") else ""
                count += 1 if formula else len(WORD.findall(text))
    return count


def _in_claim(call: ast.Call, line: int) -> Found:
    """The claim of a check is the sentence that its line on the page begins with."""
    said = {option.arg: option.value for option in call.keywords}.get("claim")
    text = getattr(said, "value", None)
    if said is None:
        yield line, "a check without claim="
    elif isinstance(text, str) and not CLAIM.fullmatch(text):
        like = "'All five gaps are below 1 %'"
        yield line, f"the claim {text!r} is no sentence like {like}"


class Statements(Code):
    """The statements of an opening cell and of a problem, which stands alone."""

    def __init__(self, cells: list[Block]):
        super().__init__((cell.body_line, cell.tree) for cell in cells)
        self.defined = set().union(*(s.defines for s in self.statements))
        nodes = [(k, node) for k, top in enumerate(self.tops) for node in ast.walk(top)]
        self.caught = {n.name for _, n in nodes if isinstance(n, ast.ExceptHandler)}
        self.calls = [(k, node) for k, node in nodes if isinstance(node, ast.Call)]

    def _line(self, top: int, node: ast.AST) -> int:
        return self.lines[top] + node.lineno - self.tops[top].lineno

    def foreign_names(self, earlier: dict[str, str]) -> Found:
        """A name is used after its definition, in the opening cell or the problem."""
        known = {*dir(builtins), "__name__", *self.caught}
        for statement in self.statements:
            later = self.defined if isinstance(statement.node, LATER) else set()
            for name in sorted(statement.uses - known - later):
                reason = "is not defined"
                if name in earlier:
                    reason = f"comes from another problem ({earlier[name]})"
                elif name in self.defined:
                    reason = "is used before it is defined"
                nodes = ast.walk(statement.node)
                uses = (n for n in nodes if getattr(n, "id", "") == name)
                line = self._line(statement.top, next(uses, statement.node))
                yield line, f"{name} {reason}"
                known.add(name)
            known |= statement.defines

    def random_draws(self) -> Found:
        """Nothing is drawn that depends on what was drawn before."""
        seeded = set()
        for top, call in self.calls:
            name = _dotted(call.func)
            library = name.partition(".")[0]
            if isinstance(self.tops[top], LATER) or _says(call, "generator"):
                continue
            if name in ("torch.manual_seed", "np.random.seed"):
                seeded.add(library)
            elif DRAWS.fullmatch(name) and library not in seeded:
                line = self._line(top, call)
                yield line, f"{name} before the problem has seeded it"

    def shortened_lists(self) -> Found:
        """What feeds a check is zipped strictly."""
        zips = [(k, call) for k, call in self.calls if _dotted(call.func) == "zip"]
        loose = [(top, call) for top, call in zips if not _says(call, "strict")]
        for last, check in self.checks() if loose else ():
            fed = {s.top for s in self.slice(names([check])[1], last)} | {last}
            for top, call in (one for one in loose if one[0] in fed):
                yield self._line(top, call), "a zip without strict=True feeds a check"


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def _says(call: ast.Call, keyword: str) -> bool:
    return any(argument.arg == keyword for argument in call.keywords)


def main(files: list[str], root: Path = ROOT) -> int:
    """Print the findings in the files, or in all pages; the exit status."""
    book = Book(root)
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
