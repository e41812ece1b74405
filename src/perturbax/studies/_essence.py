"""What of a source text can change numbers."""

import ast
import io
import tokenize
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from ._statements import stamp, tree_of


def essence(file: Path, spans: Iterable[tuple[int, int]]) -> str:
    """Lines of a file, from first to last, without comments, docstrings, annotations of functions and blank lines."""
    lines = _bare_lines(file, stamp(file))
    return "\n".join(line for first, last in spans for line in lines[first - 1 : last] if line)


@cache
def _bare_lines(file: Path, _: tuple[int, int]) -> tuple[str, ...]:
    """The lines, as many as there are; what does not count is empty."""
    tree = tree_of(file)
    text = file.read_text(encoding="utf-8")
    lines = text.split("\n")
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
    lines = [line.rstrip() for line in _without_annotations(tree, lines)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
            first = node.body[0]
            # A docstring that shares its line with code stays: leaving it in is never wrong, only stricter.
            if ast.get_docstring(node, clean=False) is not None and _alone(node, first):
                for row in range(first.lineno, (first.end_lineno or first.lineno) + 1):
                    lines[row - 1] = ""
    return tuple(lines)


def _without_annotations(tree: ast.Module, lines: list[str]) -> list[str]:
    """The lines, as many as before, without what functions say of the types of their arguments and results."""
    spans: list[tuple[int, int, int, int]] = []
    raw = [line.encode() for line in lines]  # the columns of a tree count bytes
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            start = node.col_offset + len(node.arg.encode())
            spans.append((node.lineno, start, node.annotation.end_lineno or 0, node.annotation.end_col_offset or 0))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            before = raw[node.returns.lineno - 1][: node.returns.col_offset].rstrip()
            start = len(before.removesuffix(b"->").rstrip())
            spans.append((node.returns.lineno, start, node.returns.end_lineno or 0, node.returns.end_col_offset or 0))
    for first, start, last, end in sorted(spans, reverse=True):
        rest = raw[last - 1][end:]
        for row in range(first, last):
            raw[row] = b""
        raw[first - 1] = raw[first - 1][:start] + rest
    return [line.decode() for line in raw]


def _alone(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, docstring: ast.stmt) -> bool:
    """Whether a docstring has its lines for itself and is not the whole body."""
    after = len(node.body) > 1 and node.body[1].lineno > (docstring.end_lineno or docstring.lineno)
    return after and (isinstance(node, ast.Module) or docstring.lineno > node.lineno)
