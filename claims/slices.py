"""What the checks of a program state: the statements that lead to one side alone.

The statements of a program are related by the names that they define and use. What
leads to an argument of a check is its *slice*; what a check states is the slice of the
stated argument, without the statements that the measured side depends on too; and what
it measures, the other way round.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

# which arguments a check of each kind states, and which it measures
SIDES = {
    "identity": ((2,), (1,)),
    "gradient": ((2,), (1,)),
    "value": ((2,), (1,)),
    "expectation": ((2,), (1,)),
    "bound": ((1, 2), (1, 2)),
    "proved": ((1,), ()),
    "enclosed": ((2,), (1,)),
}
SCOPE = ast.FunctionDef | ast.ClassDef | ast.Lambda
SCOPE |= ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True, eq=False)
class Statement:
    """A statement without a body of its own, or the head of a compound one.

    `top`: the number of the statement of the program that it belongs to; `node`: the
    statement itself, or what the head evaluates; `kills`: whether it gives its names
    new values, whatever they had.
    """

    top: int
    node: ast.AST
    defines: frozenset[str]
    uses: frozenset[str]
    kills: bool = False
    is_head: bool = False


class Code:
    """The statements of a program, given as cells: (first line, source or its tree)."""

    def __init__(self, cells: Iterable[tuple[int, str | ast.Module]]):
        self.tops: list[ast.stmt] = []
        self.lines: list[int] = []
        self.ends: list[int] = []  # where the cell of each statement ends
        for line, source in cells:
            is_tree = isinstance(source, ast.Module)
            body = (source if is_tree else ast.parse(source)).body
            self.tops += body
            self.lines += [line + node.lineno - 1 for node in body]
            self.ends += [len(self.tops)] * len(body)

    @cached_property
    def imported(self) -> set[str]:
        """The names of modules and of what was imported from them."""
        nodes = [node for top in self.tops for node in ast.walk(top)]
        return names(n for n in nodes if isinstance(n, ast.Import | ast.ImportFrom))[0]

    @cached_property
    def statements(self) -> list[Statement]:
        """All of them, in order."""
        return [s for k, top in enumerate(self.tops) for s in self._flat(top, k)]

    def _flat(
        self, node: ast.stmt, top: int, around: frozenset[str] = frozenset(), sure=True
    ) -> Iterator[Statement]:
        """`around`: the names in the heads around it; `sure`: it is always executed."""
        head, bodies = _parts(node)
        defines, uses = names(head if bodies else [node])
        changed = self._modified(node)
        kills = sure and not changed and not isinstance(node, ast.AugAssign)
        defines, uses = frozenset(defines | changed), frozenset(uses) | around
        yield Statement(top, node, defines, uses, kills, bool(bodies))
        sure = sure and isinstance(node, ast.For | ast.With)
        for child in bodies:
            yield from self._flat(child, top, uses, sure)

    def _modified(self, node: ast.stmt) -> set[str]:
        """The names whose objects a statement changes: `x[0] = 1`, `x.append(1)`."""
        match node:
            case ast.Assign(targets):
                pass
            case ast.AugAssign(target) | ast.Expr(ast.Call(target)):
                targets = [target]
            case _:
                return set()
        found = set()
        for whole in targets:
            target = whole
            while isinstance(target, ast.Subscript | ast.Attribute):
                target = target.value
            if target is not whole and isinstance(target, ast.Name):
                found.add(target.id)
        return found - self.imported

    @cached_property
    def _defining(self) -> dict[str, list[Statement]]:
        found = defaultdict(list)
        for statement in self.statements:
            for name in statement.defines:
                found[name].append(statement)
        return found

    def origins(self, name: str, before: int) -> list[Statement]:
        """The statements that made what a name stands for at statement `before`."""
        earlier = [s for s in self._defining[name] if s.top < before]
        last = max((s.top for s in earlier if s.kills), default=0)
        return [s for s in earlier if s.top >= last]

    def slice(self, wanted: Iterable[str], before: int) -> set[Statement]:
        """All statements on which these names depend at statement `before`."""
        found, seen = set(), set()
        todo = {(name, before) for name in wanted}
        while todo:
            seen.add(wish := todo.pop())
            for statement in self.origins(*wish):
                found.add(statement)
                # inside a loop, what stands below comes before as well
                alone = statement.node is self.tops[statement.top]
                limit = statement.top + (not alone or statement.is_head)
                todo |= {(used, limit) for used in statement.uses} - seen
        return found

    def checks(self) -> Iterator[tuple[int, ast.Call]]:
        """The number of the statement and the call of each check."""
        for k, top in enumerate(self.tops):
            match top:
                case ast.Expr(ast.Call(ast.Attribute(ast.Name("check"), kind)) as call):
                    if kind in SIDES:
                        yield k, call


def _parts(node: ast.stmt) -> tuple[list[ast.AST], list[ast.stmt]]:
    """The head of a compound statement and what it holds; a plain one holds nothing."""
    head, held = [], []
    if isinstance(node, SCOPE):
        return head, held
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler):
            held += child.body
        else:
            (held if isinstance(child, ast.stmt) else head).append(child)
    return head, held


def names(nodes: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """The names that these define, and those that they use from outside."""
    defined: set[str] = set()
    used: set[str] = set()
    for node in nodes:
        own_defined, own_used = names(ast.iter_child_nodes(node))
        if isinstance(node, SCOPE):
            arguments = {a.arg for a in ast.walk(node) if isinstance(a, ast.arg)}
            own_used -= own_defined | arguments
            own_defined = {node.name} if hasattr(node, "name") else set()
        elif isinstance(node, ast.Name):
            (own_used if isinstance(node.ctx, ast.Load) else own_defined).add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            own_defined = {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            own_used.add(node.target.id)
        defined |= own_defined
        used |= own_used
    return defined, used
