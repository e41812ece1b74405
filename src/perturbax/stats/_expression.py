"""Queries as text, `mean(y == prediction)`: a small grammar on the columns of a table, of which nothing is executed.

    query       mean( expression )
    expression  names of columns, numbers, texts in quotes;  + - * /;  == != < <= > >=;  and or not;
                abs(e), sqrt(e), log(e), clip(e, low, high), min(e, e), max(e, e)

The text is parsed with Python's own parser and the tree is walked over these node types; every other one (attributes,
indices, other calls, powers) is refused with its position.
"""

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

_ARITHMETIC: dict[type, Callable] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
}
_COMPARISONS: dict[type, Callable] = {
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}
_FUNCTIONS: dict[str, tuple[Callable, int]] = {
    "abs": (np.abs, 1),
    "sqrt": (np.sqrt, 1),
    "log": (np.log, 1),
    "min": (np.minimum, 2),
    "max": (np.maximum, 2),
    "clip": (np.clip, 3),
}
# Far more than a person writes, and far less than Python's own recursion bears.
_LONGEST, _DEEPEST = 2000, 100


def parse_query(text: str) -> Callable[[Any], np.ndarray]:
    """A query for a `Holdout` of tables from a text.

    **Arguments:** `text`: such as `"mean(y == prediction)"` or `"mean(clip(abs(y - f) / 10, 0, 1))"`.

    **Returns:** a function of a table that gives one value for each row.

    **Raises:** `ValueError` when the text is not of the grammar; the function raises it for unknown columns.

    >>> import pandas as pd
    >>> parse_query("mean(a > 1 and a != b)")(pd.DataFrame({"a": [1, 2, 3], "b": [0, 2, 0]})).tolist()
    [False, False, True]
    """
    if len(text) > _LONGEST:
        raise ValueError(f"an expression must have at most {_LONGEST} characters, got {len(text)}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise ValueError(f"{text!r} is no expression: {getattr(error, 'msg', error)}") from None
    if not _is_call(tree, "mean", 1):
        raise ValueError(f"a query must be mean(...), got {text!r}")
    (inner,) = _children(tree)
    _check(inner, text)

    def query(table: Any) -> np.ndarray:
        with np.errstate(all="ignore"):  # what is not finite is refused by its value
            values = np.asarray(_value(inner, table))
        if values.dtype.kind not in "biuf":
            raise ValueError(f"{text!r} must give numbers or truth values, not texts")
        return np.broadcast_to(values, (len(table),))

    return query


def _is_call(node: Any, name: str, count: int) -> bool:
    named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    return named and len(node.args) == count and not node.keywords and not any(map(_is_starred, node.args))


def _is_starred(node: Any) -> bool:
    return isinstance(node, ast.Starred)


def _check(node: Any, text: str, depth: int = 0) -> None:
    """Refuse everything that the grammar does not name, before any data is touched."""
    allowed = (
        isinstance(node, ast.Name)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str | int | float))
        or (isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd | ast.Not))
        or (isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS)
        or isinstance(node, ast.BoolOp)
        or any(_is_call(node, name, count) for name, (_, count) in _FUNCTIONS.items())
    )
    if not allowed:
        part = ast.get_source_segment(text.strip(), node) or type(node).__name__
        raise ValueError(
            f"{part!r} in {text!r} is not allowed: names, numbers, + - * /, comparisons, and, or, not, "
            f"and the functions {', '.join(_FUNCTIONS)} are"
        )
    if depth > _DEEPEST:
        raise ValueError(f"an expression must not be nested deeper than {_DEEPEST} levels")
    for child in _children(node):
        _check(child, text, depth + 1)


def _children(node: Any) -> list[Any]:
    if isinstance(node, ast.Call):
        return node.args
    return [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]


def _value(node: Any, table: Any) -> Any:
    if isinstance(node, ast.Name):
        if node.id not in table:
            raise ValueError(f"the table has no column {node.id!r}; it has {', '.join(map(str, table))}")
        return table[node.id].to_numpy()
    if isinstance(node, ast.Constant):
        return float(node.value) if isinstance(node.value, int | float) else node.value
    parts = [_value(child, table) for child in _children(node)]
    try:
        return _combined(node, parts)
    except (TypeError, ValueError) as error:  # such as the difference of texts
        raise ValueError(f"{ast.unparse(node)!r} cannot be computed: {error}") from None


def _combined(node: Any, parts: list[Any]) -> Any:
    if isinstance(node, ast.BinOp):
        # Truth values are numbers here: y == 1 plus y == 2 counts.
        return _ARITHMETIC[type(node.op)](*(np.asarray(part) + 0 for part in parts))
    if isinstance(node, ast.UnaryOp):
        return np.logical_not(parts[0]) if isinstance(node.op, ast.Not) else _signed(node.op, parts[0])
    if isinstance(node, ast.Compare):
        return _COMPARISONS[type(node.ops[0])](*parts)
    if isinstance(node, ast.BoolOp):
        return (np.logical_and if isinstance(node.op, ast.And) else np.logical_or).reduce(np.broadcast_arrays(*parts))
    return _FUNCTIONS[node.func.id][0](*parts)


def _signed(op: Any, value: Any) -> Any:
    return -(np.asarray(value) + 0) if isinstance(op, ast.USub) else np.asarray(value) + 0
