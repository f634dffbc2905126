"""The ways in which a claim is altered, one place at a time.

=============  ====================================================================
sign           `a + b` becomes `a - b`, `-a` becomes `a`, and the reverse
term           `a + b` becomes `a`, or `b`
coefficient    a whole number is one larger, or 5 % if that is more
constant       another number is 5 % larger, 0 becomes 1, `True` becomes `False`
exponent       `a**n` becomes `a**(n + 1)`, `sqrt(a)` becomes `a`
index          `a[i]` becomes `a[i + 1]`, a slice or range begins or ends one later
transpose      `a.T` becomes `a`
relation       `a < b` becomes `a >= b`, `min` becomes `max`, a bound is reversed
=============  ====================================================================

Only what states something is altered: not text, options such as `axis=0`, sizes of
arrays, or the seeds of random numbers.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

OPPOSITE = {ast.Add: ast.Sub, ast.Sub: ast.Add}
REVERSED = {ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.Eq: ast.NotEq}
REVERSED |= {reverse: relation for relation, reverse in REVERSED.items()}
EXTREMES = {"min": "max", "max": "min", "minimum": "maximum", "maximum": "minimum"}
TRANSPOSES = {"T", "mT"}
# functions whose plain numbers are shapes, places or seeds
SHAPES = set(
    """
    arange argmax argmin chunk concatenate cumsum default_rng diagonal empty expand
    eye flatten full linspace logspace manual_seed mean movedim ones permute prod
    rand randn range repeat repeat_interleave reshape roll round softmax split
    squeeze stack std sum symbols swapaxes tile transpose unflatten unsqueeze var
    view zeros
    """.split()
)
# parts of the syntax in which nothing is stated
SILENT = {"targets", "target", "args", "decorator_list", "returns", "keys", "slice"}


def alterations(root: ast.AST) -> Iterator[tuple[str, str, ast.AST]]:
    """Each altered copy of `root`, with the kind of alteration and what was done."""
    for node in _places(root):
        for kind, new in _altered(node):
            what = f"{ast.unparse(node)} → {ast.unparse(new)}"
            yield kind, what, replaced(root, node, new)


def replaced(root: ast.AST, old: ast.AST, new: ast.AST) -> ast.AST:
    """A copy of a tree in which one node is another."""
    return ast.fix_missing_locations(copy.deepcopy(root, {id(old): new}))


def _places(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that state something."""
    yield node
    for name, value in ast.iter_fields(node):
        if _is_silent(node, name):
            continue
        for child in value if isinstance(value, list) else [value]:
            is_size = isinstance(child, ast.Constant) and _is_shape(node, name)
            if isinstance(child, ast.AST) and not is_size:
                yield from _places(child)


def _is_silent(node: ast.AST, field: str) -> bool:
    """Names, options, defaults, keys, places, and what is assigned to."""
    if isinstance(node, ast.Call):
        # in x.T.sum() what the method is called on does state something
        named = field == "func" and not isinstance(node.func, ast.Attribute)
        return named or field == "keywords"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return field == "right" and isinstance(node.right, ast.Constant)
    return isinstance(node, ast.JoinedStr) or field in SILENT


def _is_shape(node: ast.AST, field: str) -> bool:
    return isinstance(node, ast.Call) and field == "args" and _called(node) in SHAPES


def _called(call: ast.Call) -> str:
    function = call.func
    return getattr(function, "attr", None) or getattr(function, "id", "")


def _altered(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    if isinstance(node, ast.BinOp):
        yield from _altered_operation(node)
    elif isinstance(node, ast.AugAssign) and type(node.op) in OPPOSITE:
        op = OPPOSITE[type(node.op)]()
        yield "sign", ast.AugAssign(node.target, op, node.value)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if not isinstance(node.operand, ast.Constant):
            yield "sign", node.operand
    elif isinstance(node, ast.Constant):
        yield from _altered_constant(node)
    elif isinstance(node, ast.Subscript):
        yield from _shifted(node)
    elif isinstance(node, ast.Call):
        yield from _altered_call(node)
    elif isinstance(node, ast.Attribute) and node.attr in TRANSPOSES:
        yield "transpose", node.value
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in REVERSED:
        op = REVERSED[type(node.ops[0])]()
        yield "relation", ast.Compare(node.left, [op, *node.ops[1:]], node.comparators)


def _altered_operation(node: ast.BinOp) -> Iterator[tuple[str, ast.expr]]:
    if opposite := OPPOSITE.get(type(node.op)):
        yield "sign", ast.BinOp(node.left, opposite(), node.right)
        yield "term", node.left
        left_out = node.right
        if isinstance(node.op, ast.Sub):
            left_out = ast.UnaryOp(ast.USub(), node.right)
        yield "term", left_out
    elif isinstance(node.op, ast.Pow):
        larger = ast.BinOp(node.right, ast.Add(), ast.Constant(1))
        yield "exponent", ast.BinOp(node.left, ast.Pow(), larger)


def _altered_constant(node: ast.Constant) -> Iterator[tuple[str, ast.expr]]:
    value = node.value
    if isinstance(value, bool):
        yield "constant", ast.Constant(not value)
    elif isinstance(value, int):
        yield "coefficient", ast.Constant(value + max(1, round(abs(value) / 20)))
    elif isinstance(value, float):
        yield "constant", ast.Constant(1.05 * value if value else 1.0)


def _shifted(node: ast.Subscript) -> Iterator[tuple[str, ast.expr]]:
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    for k, part in enumerate(parts):
        for new in _shifted_part(part):
            index = new
            if isinstance(node.slice, ast.Tuple):
                index = ast.Tuple([*parts[:k], new, *parts[k + 1 :]], ast.Load())
            yield "index", ast.Subscript(node.value, index, ast.Load())


def _shifted_part(part: ast.expr) -> Iterator[ast.expr]:
    if isinstance(part, ast.Slice):
        for name in ("lower", "upper"):
            bound = getattr(part, name)
            if bound is not None:
                new = copy.copy(part)
                setattr(new, name, ast.BinOp(bound, ast.Add(), ast.Constant(1)))
                yield new
    elif not (isinstance(part, ast.Constant) and not isinstance(part.value, int)):
        yield ast.BinOp(part, ast.Add(), ast.Constant(1))


def _altered_call(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    name = _called(node)
    if name == "sqrt" and node.args:
        yield "exponent", node.args[0]
    elif name in ("square", "t") and isinstance(node.func, ast.Attribute):
        if node.args:
            yield "exponent", node.args[0]
        else:
            yield "transpose" if name == "t" else "exponent", node.func.value
    elif name in EXTREMES:
        new = copy.deepcopy(node)
        if isinstance(new.func, ast.Attribute):
            new.func.attr = EXTREMES[name]
        else:
            new.func.id = EXTREMES[name]
        yield "relation", new
    elif name == "range" and node.args:
        for k in range(min(2, len(node.args))):
            later = ast.BinOp(node.args[k], ast.Add(), ast.Constant(1))
            arguments = [*node.args[:k], later, *node.args[k + 1 :]]
            yield "index", ast.Call(node.func, arguments, [])
