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


def faults_of_problems(page: Page) -> Iterator[tuple[int, str]]:
    """All of them, each with its line."""
    opening = Statements(page.opening)
    problems = [Statements(problem.cells) for problem in page.problems]
    errata = {block.argument for block in page.walk() if block.kind == "erratum"}
    known = errata | {question.id for question in page.questions}
    checked = set()
    for problem, own in zip(page.problems, problems, strict=True):
        whole = Statements(page.opening + problem.cells)
        if whole.broken:
            continue
        elsewhere = {
            name: other.title
            for other, theirs in zip(page.problems, problems, strict=True)
            for name in theirs.defined
        }
        yield from whole.foreign_names(own.defined | opening.defined, elsewhere)
        yield from whole.random_draws()
        yield from whole.shortened_lists()
        for line, id in whole.checks():
            checked.add(id)
            if isinstance(id, str) and id not in known:
                yield line, f"a check of {id}, no question or erratum of this page"
    for question in page.questions:
        has_code = any(Statements([cell]).code.tops for cell in question.cells)
        about = {question.id, *(erratum.argument for erratum in question.errata)}
        if has_code and not about & checked:
            yield question.line, f"{question.id} has code and no check"


class Statements:
    """The statements of cells; `broken` if one of the cells is not Python."""

    def __init__(self, cells: list[Block]):
        try:
            self.code = Code([(cell.body_line, cell.body) for cell in cells])
            self.broken = False
        except SyntaxError:
            self.code, self.broken = Code([]), True
        self.defined = names(self.code.tops)[0]

    def line(self, top: int, node: ast.AST) -> int:
        """The line of the file in which a node of statement `top` stands."""
        return self.code.lines[top] + node.lineno - self.code.tops[top].lineno

    def checks(self) -> Iterator[tuple[int, object]]:
        """Line and id of each check; an id that is no constant is None."""
        for top, call in self.code.checks():
            id = getattr(call.args[0], "value", None) if call.args else None
            yield self.code.lines[top], id

    def foreign_names(
        self, own: set[str], elsewhere: dict[str, str]
    ) -> Iterator[tuple[int, str]]:
        """A name is used after its definition, in the opening cell or the problem."""
        known = {*dir(builtins), "__name__"}
        for statement in self.code.statements:
            # what is in a function is used later
            later = isinstance(statement.node, ast.FunctionDef | ast.ClassDef)
            for name in sorted(statement.uses - known - (own if later else set())):
                reason = "is not defined"
                if name in own:
                    reason = "is used before it is defined"
                elif name in elsewhere:
                    reason = f"comes from another problem ({elsewhere[name]})"
                nodes = (n for n in ast.walk(statement.node) if isinstance(n, ast.Name))
                node = next((n for n in nodes if n.id == name), statement.node)
                yield self.line(statement.top, node), f"{name} {reason}"
                known.add(name)
            known |= statement.defines

    def random_draws(self) -> Iterator[tuple[int, str]]:
        """Nothing is drawn that depends on what was drawn before."""
        seeded = set()
        for number, top in enumerate(self.code.tops):
            if isinstance(top, ast.FunctionDef | ast.ClassDef):
                continue
            for call in calls(top):
                name = ast.unparse(call.func)
                library = name.partition(".")[0]
                if name in SEEDS:
                    seeded.add(library)
                elif DRAWS.fullmatch(name) and library not in seeded:
                    if not says(call, "generator"):
                        message = f"{name} before the problem has seeded it"
                        yield self.line(number, call), message

    def shortened_lists(self) -> Iterator[tuple[int, str]]:
        """What feeds a check is zipped strictly."""
        loose = {
            number: [self.line(number, call) for call in calls(top) if is_loose(call)]
            for number, top in enumerate(self.code.tops)
        }
        if not any(loose.values()):
            return
        for top, call in self.code.checks():
            fed = {s.top for s in self.code.slice(names([call])[1], top)} | {top}
            for line in (line for number in fed for line in loose[number]):
                yield line, "a zip without strict=True feeds a check"


def calls(node: ast.AST) -> Iterator[ast.Call]:
    """All calls in it."""
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


def says(call: ast.Call, keyword: str) -> bool:
    """Whether a call has this keyword."""
    return any(argument.arg == keyword for argument in call.keywords)


def is_loose(call: ast.Call) -> bool:
    """Whether it zips lists that may be of different lengths."""
    return ast.unparse(call.func) == "zip" and not says(call, "strict")
