"""What the code of a problem must not do, since the problem stands alone.

Its cells use the opening cell of the page and what the problem itself defines, they
draw no random number that depends on another problem, and what they claim is checked.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from claims.slices import Code, names

from .model import Block, Page

DRAWS = re.compile(
    r"torch\.(rand|randn|randint|rand\w*_like|randperm|normal|bernoulli|multinomial)|"
    r"np\.random\.(?!seed|default_rng|[A-Z])\w+"
)
SEEDS = ("torch.manual_seed", "np.random.seed")
LATER = ast.FunctionDef | ast.ClassDef  # what is in it is used later


def faults_of_problems(page: Page) -> Iterator[tuple[int, str]]:
    """All of them, each with its line."""
    try:
        codes = [Statements(page.opening + problem.cells) for problem in page.problems]
    except SyntaxError:
        return  # which the lint names; who can tell what that cell defines?
    known = {block.argument for block in page.walk() if block.kind == "erratum"}
    known |= {question.id for question in page.questions}
    checked = set()
    earlier: dict[str, str] = {}  # names, with the problems that define them
    for problem, code in zip(page.problems, codes, strict=True):
        yield from code.foreign_names(earlier)
        yield from code.random_draws()
        yield from code.shortened_lists()
        earlier |= dict.fromkeys(code.defined, problem.title)
        for top, call in code.checks():
            id = getattr(call.args[0], "value", None) if call.args else None
            checked.add(id)
            if isinstance(id, str) and id not in known:
                message = f"a check of {id}, no question or erratum of this page"
                yield code.lines[top], message
    for question in page.questions:
        about = {question.id, *(erratum.argument for erratum in question.errata)}
        cells = [block for block in question.solution if block.kind == "code-cell"]
        if any(cell.tree.body for cell in cells) and not about & checked:
            yield question.line, f"{question.id} has code and no check"


class Statements(Code):
    """The statements of an opening cell and of a problem, with the lines of a page."""

    def __init__(self, cells: list[Block]):
        super().__init__((cell.body_line, cell.tree) for cell in cells)
        self.defined = set().union(*(s.defines for s in self.statements))
        self.caught: set[str] = set()
        self.calls: list[tuple[int, ast.Call, str]] = []
        for top, statement in enumerate(self.tops):
            for node in ast.walk(statement):
                if isinstance(node, ast.Call):
                    self.calls.append((top, node, dotted(node.func)))
                elif isinstance(node, ast.ExceptHandler):
                    self.caught.add(node.name)

    def line(self, top: int, node: ast.AST) -> int:
        """The line of the file in which a node of statement `top` stands."""
        return self.lines[top] + node.lineno - self.tops[top].lineno

    def foreign_names(self, earlier: dict[str, str]) -> Iterator[tuple[int, str]]:
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
                line = self.line(statement.top, next(uses, statement.node))
                yield line, f"{name} {reason}"
                known.add(name)
            known |= statement.defines

    def random_draws(self) -> Iterator[tuple[int, str]]:
        """Nothing is drawn that depends on what was drawn before."""
        seeded = set()
        for top, call, name in self.calls:
            library = name.partition(".")[0]
            if isinstance(self.tops[top], LATER):
                continue
            if name in SEEDS:
                seeded.add(library)
            elif DRAWS.fullmatch(name) and library not in seeded:
                if not says(call, "generator"):
                    message = f"{name} before the problem has seeded it"
                    yield self.line(top, call), message

    def shortened_lists(self) -> Iterator[tuple[int, str]]:
        """What feeds a check is zipped strictly."""
        loose = [
            (top, self.line(top, call))
            for top, call, name in self.calls
            if name == "zip" and not says(call, "strict")
        ]
        for last, check in self.checks() if loose else ():
            fed = {s.top for s in self.slice(names([check])[1], last)} | {last}
            for line in (line for top, line in loose if top in fed):
                yield line, "a zip without strict=True feeds a check"


def dotted(node: ast.expr) -> str:
    """A name with dots, or nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def says(call: ast.Call, keyword: str) -> bool:
    """Whether a call has this keyword."""
    return any(argument.arg == keyword for argument in call.keywords)
