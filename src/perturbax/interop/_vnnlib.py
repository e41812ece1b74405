"""Properties of neural networks from VNN-LIB files (version 1), and the result files of the competition VNN-COMP.

A VNN-LIB file is a sequence of S-expressions of SMT-LIB: it declares the inputs `X_0, X_1, ...` and outputs
`Y_0, Y_1, ...` of a network and asserts what a *counterexample* satisfies,

    (declare-const X_0 Real)   (assert (<= X_0 0.5))   (assert (or (>= Y_1 Y_0) (and (>= Y_2 Y_0) (<= Y_2 3.0))))

The property of the network holds when no input does. Here the assertions become a disjunction of boxes of inputs, each
with a disjunction of conjunctions of linear inequalities.
"""

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float

from ..core import check_array, check_choice, write_atomic
from ._packed import read_packed

# More alternatives than any file of the competition has; a product of disjunctions grows fast.
_MOST_ALTERNATIVES = 100_000

_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"
_IGNORED = ("set-logic", "set-info", "set-option", "check-sat", "get-model", "exit")


class LinearInequalities(eqx.Module):
    """A conjunction: `input_weights x + output_weights y <= offsets` in every row.

    **Arguments:** `input_weights`: shape `(rows, inputs)`; `output_weights`: shape `(rows, outputs)`; `offsets`: shape
    `(rows,)`. Without rows it always holds.
    """

    input_weights: Float[np.ndarray, "rows inputs"]
    output_weights: Float[np.ndarray, "rows outputs"]
    offsets: Float[np.ndarray, " rows"]

    def hold(self, x: Float[np.ndarray, " inputs"], y: Float[np.ndarray, " outputs"]) -> bool:
        """Whether all rows hold."""
        return bool(np.all(self.input_weights @ x + self.output_weights @ y <= self.offsets))


class Region(eqx.Module):
    """A box of inputs, and what a counterexample in it satisfies: one of several conjunctions.

    **Arguments:** `lower`, `upper`: shape `(inputs,)`; `unsafe`: the alternatives.
    """

    lower: Float[np.ndarray, " inputs"]
    upper: Float[np.ndarray, " inputs"]
    unsafe: tuple[LinearInequalities, ...]


class SafetyProperty(eqx.Module):
    """What a counterexample to the safety of a network is: an input in one of the boxes, with an unsafe output.

    **Arguments:** `regions`: the boxes, at least one, in float64.
    """

    regions: tuple[Region, ...]

    @property
    def inputs(self) -> int:
        """Number of inputs, flattened."""
        return self.regions[0].lower.size

    @property
    def outputs(self) -> int:
        """Number of outputs, flattened."""
        return self.regions[0].unsafe[0].output_weights.shape[1]

    def violated(self, x: Any, y: Any) -> bool:
        """Whether an input and its output are a counterexample, in float64 and without tolerance.

        **Arguments:** `x`, `y`: of any shape with the right number of elements, in C order.
        """
        x, y = (np.asarray(value, np.float64).ravel() for value in (x, y))
        return any(
            bool(np.all(region.lower <= x) and np.all(x <= region.upper))
            and any(alternative.hold(x, y) for alternative in region.unsafe)
            for region in self.regions
        )


class _Expression(NamedTuple):
    """A list of expressions, or a word where `items` is `None`, with the line that it begins on."""

    line: int
    word: str
    items: tuple["_Expression", ...] | None = None

    def head(self) -> str:
        return self.items[0].word if self.items else ""


class _Linear(NamedTuple):
    """A linear expression: coefficients by the name of the variable, and a constant."""

    coefficients: dict[str, float]
    constant: float

    def plus(self, other: "_Linear", factor: float = 1.0) -> "_Linear":
        names = dict.fromkeys((*self.coefficients, *other.coefficients))
        summed = {n: self.coefficients.get(n, 0.0) + factor * other.coefficients.get(n, 0.0) for n in names}
        return _Linear(summed, self.constant + factor * other.constant)

    def times(self, factor: float) -> "_Linear":
        return _Linear({n: factor * c for n, c in self.coefficients.items()}, factor * self.constant)


# An atom is a linear expression that is at most 0; a conjunction is a list of atoms.
_Conjunction = list[_Linear]


def read_vnnlib(path: str | os.PathLike[str]) -> SafetyProperty:
    """A safety property from a VNN-LIB file of version 1, gzipped when its name ends with `.gz`.

    Read are declarations of real `X_i` and `Y_j`, and assertions of `and`, `or`, `<=`, `>=` and `=` between linear
    expressions (`+`, `-`, `*`, `/`). Strict inequalities are refused, since the version has none.

    **Arguments:** `path`: of the file.

    **Returns:** a `SafetyProperty` in float64.

    **Raises:** `ValueError` with the number of the line for what is no VNN-LIB of version 1, and by the name of the
    input for one without a lower or an upper bound; `OSError` when the file cannot be read.

    >>> import tempfile
    >>> text = "(declare-const X_0 Real) (declare-const Y_0 Real)"
    >>> text += "(assert (>= X_0 -1)) (assert (<= X_0 1)) (assert (>= Y_0 2.5))"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.vnnlib").write_text(text)
    ...     read = read_vnnlib(f"{folder}/a.vnnlib")
    >>> read.regions[0].lower.tolist(), read.violated(0.0, 2.6), read.violated(0.0, 2.4)
    ([-1.0], True, False)
    """
    path = Path(path)
    declared: dict[str, int] = {}
    common: _Conjunction = []
    choices: list[list[_Conjunction]] = []
    try:
        for command in _commands(_text(path)):
            if command.head() in ("declare-const", "declare-fun"):
                declared[_declared(command)] = command.line
            elif command.head() == "assert":
                alternatives = _alternatives(_arguments(command, 1)[0], declared)
                if len(alternatives) == 1:
                    common += alternatives[0]
                else:
                    choices.append(alternatives)
            elif command.head() not in _IGNORED:
                raise _error(command.line, f"{command.head() or command.word!r} is no command of VNN-LIB version 1")
        inputs, outputs = _count(declared, "X"), _count(declared, "Y")
        conjunctions = [common + list(itertools.chain(*each)) for each in _product(choices)]
        return SafetyProperty(_regions(conjunctions, inputs, outputs))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def write_vnnlib_result(path: str | os.PathLike[str], status: str, x: Any = None, y: Any = None) -> None:
    """Write a result as the competition VNN-COMP wants it: a word, and for `sat` the counterexample.

    **Arguments:** `path`; `status`: `"sat"` (a counterexample exists), `"unsat"`, `"timeout"` or `"unknown"`; `x`, `y`:
    the counterexample and the output at it, for `"sat"` only.

    **Raises:** `ValueError` for another status, or a counterexample that is missing or has no place; `OSError` when the
    file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_vnnlib_result(f"{folder}/r.txt", "sat", [0.5, 1.0], [2.0])
    ...     print(Path(folder, "r.txt").read_text())
    sat
    ((X_0 0.5)
     (X_1 1.0)
     (Y_0 2.0))
    """
    check_choice("status", status, ("sat", "unsat", "timeout", "unknown"))
    if (status == "sat") != (x is not None) or (x is None) != (y is None):
        raise ValueError(f"x and y must be given for status 'sat' and for no other, got status {status!r}")
    text = status
    if status == "sat":
        values = [(name, check_array(name.lower(), v, kind="number")) for name, v in (("X", x), ("Y", y))]
        rows = [f"({name}_{i} {float(value)!r})" for name, v in values for i, value in enumerate(np.ravel(v))]
        text += "\n(" + "\n ".join(rows) + ")"
    write_atomic(path, text.encode())


def _text(path: Path) -> str:
    raw = read_packed(path)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _error(raw[: error.start].count(b"\n") + 1, "it is no text") from None


def _error(line: int, what: str) -> ValueError:
    return ValueError(f"line {line}: {what}")


def _commands(text: str) -> Iterator[_Expression]:
    """The S-expressions of the top level."""
    opened: list[tuple[int, list[_Expression]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        for token in re.findall(r'\(|\)|"[^"]*"|[^\s()]+', line.partition(";")[0]):
            if token == "(":
                opened.append((number, []))
                continue
            if token == ")":
                if not opened:
                    raise _error(number, "')' without '('")
                begun, items = opened.pop()
                made = _Expression(begun, "", tuple(items))
            else:
                made = _Expression(number, token)
            if opened:
                opened[-1][1].append(made)
            else:
                yield made
    if opened:
        raise _error(opened[0][0], "'(' is never closed")


def _arguments(expression: _Expression, count: int) -> tuple[_Expression, ...]:
    given = (expression.items or ())[1:]
    if len(given) != count:
        raise _error(expression.line, f"{expression.head()} must have {count} arguments, got {len(given)}")
    return given


def _declared(command: _Expression) -> str:
    name, *_, kind = _arguments(command, 2 if command.head() == "declare-const" else 3)
    if not re.fullmatch(r"[XY]_(0|[1-9]\d*)", name.word):
        raise _error(command.line, f"a variable must be X_i or Y_j, got {name.word!r}")
    if kind.word != "Real":
        raise _error(command.line, f"{name.word} must be Real, got {kind.word!r}")
    return name.word


def _count(declared: dict[str, int], letter: str) -> int:
    """How many variables of a letter there are, from 0 on without a gap."""
    numbers = {int(name[2:]): line for name, line in declared.items() if name[0] == letter}
    if not numbers:
        raise ValueError(f"it declares no {letter}_0")
    missing = next((i for i in range(len(numbers)) if i not in numbers), None)
    if missing is not None:
        raise _error(numbers[max(numbers)], f"{letter}_{max(numbers)} is declared, but {letter}_{missing} is not")
    return len(numbers)


def _alternatives(expression: _Expression, declared: dict[str, int]) -> list[_Conjunction]:
    """A logical expression as a disjunction of conjunctions."""
    head, parts = expression.head(), (expression.items or ())[1:]
    if head == "or":
        return [each for part in parts for each in _alternatives(part, declared)]
    if head == "and":
        return [list(itertools.chain(*each)) for each in _product([_alternatives(part, declared) for part in parts])]
    if head not in ("<=", ">=", "="):
        raise _error(
            expression.line, f"{head or expression.word!r} is not one of and, or, <=, >=, = of VNN-LIB version 1"
        )
    left, right = (_linear(part, declared) for part in _arguments(expression, 2))
    below = left.plus(right, -1.0)
    return [{"<=": [below], ">=": [below.times(-1.0)], "=": [below, below.times(-1.0)]}[head]]


def _product(choices: Sequence[list[_Conjunction]]) -> Iterator[tuple[_Conjunction, ...]]:
    number = int(np.prod([float(len(each)) for each in choices]))
    if number > _MOST_ALTERNATIVES:
        raise ValueError(f"its disjunctions have {number} alternatives together, more than {_MOST_ALTERNATIVES}")
    return itertools.product(*choices)


def _linear(expression: _Expression, declared: dict[str, int]) -> _Linear:
    if expression.items is None:
        if expression.word in declared:
            return _Linear({expression.word: 1.0}, 0.0)
        if not re.fullmatch(_NUMBER, expression.word):
            raise _error(expression.line, f"{expression.word!r} is neither declared nor a number")
        return _Linear({}, float(expression.word))
    head = expression.head()
    terms = [_linear(part, declared) for part in expression.items[1:]]
    if head not in ("+", "-", "*", "/") or not terms or (head == "/" and len(terms) != 2):
        raise _error(expression.line, f"{head!r} of {len(terms)} terms is no linear expression")
    total = terms[0] if head != "-" or len(terms) > 1 else terms[0].times(-1.0)
    for term in terms[1:]:
        if head in ("+", "-"):
            total = total.plus(term, 1.0 if head == "+" else -1.0)
        elif not term.coefficients and not (head == "/" and term.constant == 0.0):
            total = total.times(term.constant if head == "*" else 1.0 / term.constant)
        elif head == "*" and not total.coefficients:
            total = term.times(total.constant)
        else:
            raise _error(expression.line, f"{head!r} of these terms is not linear")
    return total


def _regions(conjunctions: list[_Conjunction], inputs: int, outputs: int) -> tuple[Region, ...]:
    """Conjunctions with the same box of inputs together. Boxes without any point are left out."""
    boxes: dict[bytes, tuple[np.ndarray, list[LinearInequalities]]] = {}
    empty = None
    for atoms in conjunctions:
        box = np.stack([np.full(inputs, -np.inf), np.full(inputs, np.inf)])
        rest = [atom for atom in atoms if not _tighten(box, atom)]
        unbounded = np.argwhere(np.isinf(box.T))
        if len(unbounded):
            index, side = unbounded[0]
            raise ValueError(f"X_{index} has no {('lower', 'upper')[side]} bound")
        if np.any(box[0] > box[1]):
            empty = int(np.argmax(box[0] > box[1]))
            continue
        found = boxes.setdefault(box.tobytes(), (box, []))[1]
        found.append(_inequalities(rest, inputs, outputs))
    if not boxes:
        which = "its assertions have no alternative" if empty is None else f"the bounds of X_{empty} exclude each other"
        raise ValueError(which)
    return tuple(Region(box[0], box[1], tuple(unsafe)) for box, unsafe in boxes.values())


def _tighten(box: np.ndarray, atom: _Linear) -> bool:
    """Whether an atom bounds a single input; the box is then made smaller in place."""
    used = {name: c for name, c in atom.coefficients.items() if c != 0.0}
    if len(used) != 1:
        return False
    ((name, coefficient),) = used.items()
    if name[0] != "X":
        return False
    index, bound = int(name[2:]), -atom.constant / coefficient
    if coefficient > 0:
        box[1, index] = min(box[1, index], bound)
    else:
        box[0, index] = max(box[0, index], bound)
    return True


def _inequalities(atoms: _Conjunction, inputs: int, outputs: int) -> LinearInequalities:
    weights = {"X": np.zeros((len(atoms), inputs)), "Y": np.zeros((len(atoms), outputs))}
    for row, atom in enumerate(atoms):
        for name, coefficient in atom.coefficients.items():
            weights[name[0]][row, int(name[2:])] = coefficient
    return LinearInequalities(weights["X"], weights["Y"], np.asarray([-atom.constant for atom in atoms], np.float64))
