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

A program that measures is altered in the same ways (`slips`), and in more:

=============  ====================================================================
operator       `a * b` becomes `a / b`, `A @ B` becomes `B @ A`, `a and b` becomes
               `a or b`, and the reverse
factor         `a * b` becomes `a`, or `b`; `a / b` becomes `a`
term           `a += b` is left out
step           a call for its effect, such as `optimizer.zero_grad()`, is left out
constant       a number is twice as large
reduction      `sum` becomes `mean`, `std` becomes `var`, and the reverse; an axis 0
               becomes 1
=============  ====================================================================

Here settings are left alone, since others make another experiment and not a wrong one:
data that are written out, draws of random numbers, how often something is repeated, how
much of it is taken, and plain numbers that are given to the program's own functions.
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
# what only these libraries are given is part of a formula, and no setting
LIBRARIES = {"np", "torch", "F", "sympy", "sp", "math", "mpmath", "scipy"}
DRAWS = set(
    """
    Generator bernoulli binomial choice default_rng dirichlet dropout exponential
    integers laplace manual_seed multinomial normal permutation permuted poisson rand
    randint randn randperm sample seed shuffle standard_normal uniform
    """.split()
)
SWAPPED = {ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And}
SWAPPED |= {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd}
REDUCTIONS = {"sum": "mean", "mean": "sum", "std": "var", "var": "std", "any": "all"}
REDUCTIONS |= {"all": "any", "argmin": "argmax", "argmax": "argmin", "prod": "sum"}
EFFECTS = {"operator", "factor", "step", "reduction"}  # the kinds that slips add
AXES = {0: 1, 1: 0, 2: 1, -1: -2, -2: -1}
MANY = 10  # from here on, a number at the end of a slice says how much is taken
# parts of the syntax in which nothing is stated
SILENT = {"targets", "target", "args", "decorator_list", "returns", "keys", "slice"}


def alterations(root: ast.AST) -> Iterator[tuple[str, str, ast.AST]]:
    """Each altered copy of `root`, with the kind of alteration and what was done."""
    for node in _places(root):
        for kind, new in _altered(node):
            what = f"{ast.unparse(node)} → {ast.unparse(new)}"
            yield kind, what, replaced(root, node, new)


def slips(root: ast.AST) -> Iterator[tuple[str, str, ast.AST]]:
    """The same for a program that measures."""
    for node in [] if _is_plain(root) else _computing(root):
        for kind, new in _slipped(node):
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


def _computing(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes that compute something; settings are passed over."""
    if isinstance(node, ast.Raise | ast.Assert | ast.Import | ast.ImportFrom):
        return
    if _is_written_out(node) or isinstance(node, ast.Call) and _called(node) in DRAWS:
        return
    yield node
    is_setting = isinstance(node, ast.Call) and not _is_formula(node)
    for name, value in ast.iter_fields(node):
        if not _is_silent(node, name):
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    if not (is_setting and name == "args" and _is_plain(child)):
                        yield from _computing(child)


def _is_plain(node: ast.AST) -> bool:
    """Whether this is a number or text, or -1."""
    operand = node.operand if isinstance(node, ast.UnaryOp) else node
    return isinstance(operand, ast.Constant)


def _is_written_out(node: ast.AST) -> bool:
    """Whether these are numbers in a list, or a name is set to numbers."""
    if isinstance(node, ast.Assign | ast.AnnAssign):
        value = node.value
        return value is None or _is_plain(value) or _is_written_out(value)
    parts = node.elts if isinstance(node, ast.List | ast.Tuple) else []
    return bool(parts) and all(
        _is_plain(part) or _is_written_out(part) for part in parts
    )


def _is_formula(call: ast.Call) -> bool:
    """Whether a library computes with these arguments, and their order is no size."""
    root = call.func
    while isinstance(root, ast.Attribute):
        root = root.value
    of_library = isinstance(root, ast.Name) and root.id in LIBRARIES
    name = _called(call)
    return name in EXTREMES or (of_library and name not in SHAPES)


def _slipped(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    match node:
        case ast.Constant(float(value)) if value:
            yield "constant", ast.Constant(2 * value)
        case ast.Constant(int(value)) if type(value) is int and value >= MANY:
            yield "coefficient", ast.Constant(2 * value)
        case ast.Call() if _called(node) == "range" or _called(node) in REDUCTIONS:
            yield from _reduced(node)
        case ast.Subscript(_, ast.Slice() | ast.Tuple()) if _takes_many(node.slice):
            pass
        case _:
            yield from _altered(node)
    match node:
        case ast.BinOp(left, op, right) if type(op) in SWAPPED:
            yield "operator", ast.BinOp(left, SWAPPED[type(op)](), right)
        case ast.BinOp(left, ast.MatMult(), right):
            yield "operator", ast.BinOp(right, ast.MatMult(), left)
        case ast.BoolOp(op, values):
            yield "operator", ast.BoolOp(SWAPPED[type(op)](), values)
        case ast.AugAssign(target, ast.Mult() | ast.Div() as op, value):
            yield "operator", ast.AugAssign(target, SWAPPED[type(op)](), value)
    match node:
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            if not _is_plain(left):
                yield "factor", left
            if not _is_plain(right) and isinstance(op, ast.Mult):
                yield "factor", right
        case ast.AugAssign():
            yield "term", ast.Pass()
        case ast.Subscript(value, index):
            is_tuple = isinstance(index, ast.Tuple)
            parts = index.elts if is_tuple else [index]
            for k, part in enumerate(parts):
                if isinstance(part, ast.Slice) and part.step and not part.lower:
                    later = ast.Slice(ast.Constant(1), part.upper, part.step)
                    whole = ast.Tuple([*parts[:k], later, *parts[k + 1 :]], ast.Load())
                    new = whole if is_tuple else later
                    yield "index", ast.Subscript(value, new, ast.Load())
        case ast.Expr(ast.Call(ast.Attribute()) as call) if _called(call) not in DRAWS:
            yield "step", ast.Pass()
        case ast.Call(keywords=keywords):
            for k, keyword in enumerate(keywords):
                if keyword.arg in ("axis", "dim") and (axis := _turned(keyword.value)):
                    new = copy.deepcopy(node)
                    new.keywords[k].value = axis
                    yield "reduction", new


def _takes_many(index: ast.expr) -> bool:
    """Whether a slice ends at a number that is rather an amount than a place."""
    ends = (part.value for part in ast.walk(index) if isinstance(part, ast.Constant))
    return any(isinstance(end, int) and abs(end) >= MANY for end in ends)


def _turned(axis: ast.expr) -> ast.expr | None:
    """Another axis, as part of a call."""
    try:
        value = ast.literal_eval(axis)
    except ValueError:
        return None
    known = isinstance(value, int) and not isinstance(value, bool) and value in AXES
    return ast.Constant(AXES[value]) if known else None


def _reduced(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Another reduction, or the same over another axis; of a range, other ends."""
    name, of_object = _called(node), isinstance(node.func, ast.Attribute)
    if name == "range":
        is_amount = len(node.args) == 1  # how often something is repeated
        for k, end in enumerate(node.args[:2]):
            if _is_plain(end) or (is_amount and isinstance(end, ast.Name)):
                continue
            changed = [*node.args[:k], _one_more(node.args[k]), *node.args[k + 1 :]]
            yield "index", ast.Call(node.func, changed, [])
    elif of_object or name in ("any", "all"):
        new = copy.deepcopy(node)
        setattr(new.func, "attr" if of_object else "id", REDUCTIONS[name])
        yield "reduction", new
        for k, argument in enumerate(node.args[:2]):
            if axis := _turned(argument):
                new = copy.deepcopy(node)
                new.args[k] = axis
                yield "reduction", new
