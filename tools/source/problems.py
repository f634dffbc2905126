"""What the code of a problem must not do, since the problem stands alone.

Its cells use the opening cell of the page and what the problem itself defines, they
draw no random number that depends on another problem, and what they claim is checked.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator

from claims.slices import Code, Statement, names

from .model import Block, Page

DRAWS = re.compile(
    r"torch\.(rand|randn|randint|rand\w*_like|randperm|normal|bernoulli|multinomial)|"
    r"np\.random\.(?!seed|default_rng|[A-Z])\w+"
)
SEEDS = ("torch.manual_seed", "np.random.seed")


def faults_of_problems(page: Page) -> Iterator[tuple[int, str]]:
    """All of them, each with its line."""
    try:
        codes = [Statements(page.opening + problem.cells) for problem in page.problems]
    except SyntaxError:
        return  # which the lint names; who can tell what that cell defines?
    errata = {block.argument for block in page.walk() if block.kind == "erratum"}
    known = errata | {question.id for question in page.questions}
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
        has_code = any(ast.parse(cell.body).body for cell in question.cells)
        if has_code and not about & checked:
            yield question.line, f"{question.id} has code and no check"


class Statements(Code):
    """The statements of an opening cell and of a problem, with the lines of a page."""

    def __init__(self, cells: list[Block]):
        super().__init__((cell.body_line, cell.body) for cell in cells)
        self.defined = set().union(*(s.defines for s in self.statements))
        nodes = [(k, n) for k, top in enumerate(self.tops) for n in ast.walk(top)]
        self.calls = [
            (k, n, dotted(n.func)) for k, n in nodes if isinstance(n, ast.Call)
        ]
        self.caught = {n.name for _, n in nodes if isinstance(n, ast.ExceptHandler)}

    def line(self, top: int, node: ast.AST) -> int:
        """The line of the file in which a node of statement `top` stands."""
        return self.lines[top] + node.lineno - self.tops[top].lineno

    def foreign_names(self, earlier: dict[str, str]) -> Iterator[tuple[int, str]]:
        """A name is used after its definition, in the opening cell or the problem."""
        known = {*dir(builtins), "__name__", *self.caught}
        for statement in self.statements:
            # what is in a function is used later
            later = isinstance(statement.node, ast.FunctionDef | ast.ClassDef)
            for name in sorted(
                statement.uses - known - (self.defined if later else set())
            ):
                reason = "is not defined"
                if name in earlier:
                    reason = f"comes from another problem ({earlier[name]})"
                elif name in self.defined:
                    reason = "is used before it is defined"
                yield (
                    self.line(statement.top, first_use(statement, name)),
                    f"{name} {reason}",
                )
                known.add(name)
            known |= statement.defines

    def random_draws(self) -> Iterator[tuple[int, str]]:
        """Nothing is drawn that depends on what was drawn before."""
        seeded = set()
        for number, call, name in self.calls:
            library = name.partition(".")[0]
            if isinstance(self.tops[number], ast.FunctionDef | ast.ClassDef):
                continue
            if name in SEEDS:
                seeded.add(library)
            elif DRAWS.fullmatch(name) and library not in seeded:
                if not says(call, "generator"):
                    message = f"{name} before the problem has seeded it"
                    yield self.line(number, call), message

    def shortened_lists(self) -> Iterator[tuple[int, str]]:
        """What feeds a check is zipped strictly."""
        loose = [
            (number, self.line(number, call))
            for number, call, name in self.calls
            if name == "zip" and not says(call, "strict")
        ]
        for top, check in self.checks() if loose else ():
            fed = {s.top for s in self.slice(names([check])[1], top)} | {top}
            for line in (line for number, line in loose if number in fed):
                yield line, "a zip without strict=True feeds a check"


def dotted(node: ast.expr) -> str:
    """A name with dots, or nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def first_use(statement: Statement, name: str) -> ast.AST:
    """Where a statement uses a name."""
    found = (n for n in ast.walk(statement.node) if getattr(n, "id", "") == name)
    return next(found, statement.node)


def says(call: ast.Call, keyword: str) -> bool:
    """Whether a call has this keyword."""
    return any(argument.arg == keyword for argument in call.keywords)
