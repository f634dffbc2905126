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
        has_sizes = name == "args" and _called(node) in SHAPES
        for child in value if isinstance(value, list) else [value]:
            is_size = has_sizes and isinstance(child, ast.Constant)
            if isinstance(child, ast.AST) and not is_size:
                yield from _places(child)


def _is_silent(node: ast.AST, field: str) -> bool:
    """Names, options, defaults, keys, places, and what is assigned to."""
    match node:
        case ast.Call(func=ast.Attribute()):
            return field == "keywords"  # in x.T.sum() what it is called on does state
        case ast.Call():
            return field in ("func", "keywords")
        case ast.BinOp(_, ast.Pow(), ast.Constant()):
            return field == "right"
    return isinstance(node, ast.JoinedStr) or field in SILENT


def _called(call: ast.Call) -> str:
    function = call.func
    return getattr(function, "attr", None) or getattr(function, "id", "")


def _altered(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            yield "sign", ast.BinOp(left, OPPOSITE[type(op)](), right)
            yield "term", left
            is_sum = isinstance(op, ast.Add)
            yield "term", right if is_sum else ast.UnaryOp(ast.USub(), right)
        case ast.BinOp(left, ast.Pow(), right):
            yield "exponent", ast.BinOp(left, ast.Pow(), _one_more(right))
        case ast.AugAssign(target, ast.Add() | ast.Sub() as op, value):
            yield "sign", ast.AugAssign(target, OPPOSITE[type(op)](), value)
        case ast.UnaryOp(ast.USub(), operand):
            if not isinstance(operand, ast.Constant):
                yield "sign", operand
        case ast.Constant(bool(value)):
            yield "constant", ast.Constant(not value)
        case ast.Constant(int(value)):
            yield "coefficient", ast.Constant(value + max(1, round(abs(value) / 20)))
        case ast.Constant(float(value)):
            yield "constant", ast.Constant(1.05 * value if value else 1.0)
        case ast.Subscript(value, ast.Tuple(parts)):
            for k, part in enumerate(parts):
                for new in _shifted(part):
                    index = ast.Tuple([*parts[:k], new, *parts[k + 1 :]], ast.Load())
                    yield "index", ast.Subscript(value, index, ast.Load())
        case ast.Subscript(value, part):
            for new in _shifted(part):
                yield "index", ast.Subscript(value, new, ast.Load())
        case ast.Call():
            yield from _altered_call(node, _called(node), node.args)
        case ast.Attribute(value, "T" | "mT"):
            yield "transpose", value
        case ast.Compare(left, [op, *more], others) if type(op) in REVERSED:
            relations = [REVERSED[type(op)](), *more]
            yield "relation", ast.Compare(left, relations, others)


def _shifted(part: ast.expr) -> Iterator[ast.expr]:
    """Parts of an index, each one further."""
    match part:
        case ast.Slice(lower, upper, step):
            if lower:
                yield ast.Slice(_one_more(lower), upper, step)
            if upper:
                yield ast.Slice(lower, _one_more(upper), step)
        case ast.Constant(value) if not isinstance(value, int):
            return
        case _:
            yield _one_more(part)


def _one_more(expression: ast.expr) -> ast.expr:
    return ast.BinOp(expression, ast.Add(), ast.Constant(1))


def _altered_call(
    node: ast.Call, name: str, arguments: list[ast.expr]
) -> Iterator[tuple[str, ast.expr]]:
    of_object = isinstance(node.func, ast.Attribute)
    if arguments and (name == "sqrt" or name in ("square", "t") and of_object):
        yield "exponent", arguments[0]
    elif name in ("square", "t") and of_object:
        yield "transpose" if name == "t" else "exponent", node.func.value
    elif name in EXTREMES:
        new = copy.deepcopy(node)
        setattr(new.func, "attr" if of_object else "id", EXTREMES[name])
        yield "relation", new
    elif name == "range":
        for k, argument in enumerate(arguments[:2]):
            changed = [*arguments[:k], _one_more(argument), *arguments[k + 1 :]]
            yield "index", ast.Call(node.func, changed, [])
