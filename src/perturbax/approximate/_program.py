"""Programs: a function of one variable as a list of elementary operations, with what they are exported to."""

import operator
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Int

from ._interpreter import OPERATIONS

_SIGNS = ("+", "-", "*", "/")
_APPLY = (operator.add, operator.sub, operator.mul, operator.truediv)


class Program(eqx.Module):
    """A straight-line program in `x` with `+`, `-`, `*` and `/`.

    Called on an array of NumPy or JAX, traced or not, it computes in the array's precision, with its constants rounded
    to it. It has no arrays itself, so that `jax.jit` takes it as the function that it is.

    **Arguments:** `code`: an instruction a row, `(operation, left, right)`, where operands are 0 for `x`, `1` to `K`
    for constants, and then the instructions; `constants`; `output`: the operand that is the value.

    >>> square = Program(np.array([[2, 0, 0], [0, 2, 1]]), np.array([1.0]), 3)
    >>> square(np.array([2.0])).tolist(), square.operations
    ([5.0], 2)
    """

    instructions: tuple[tuple[int, int, int], ...] = eqx.field(static=True)
    numbers: tuple[float, ...] = eqx.field(static=True)
    output: int = eqx.field(static=True)

    def __init__(self, code: Int[np.ndarray, "T 3"], constants: Float[np.ndarray, " K"], output: int):
        self.instructions = tuple(map(tuple, np.asarray(code).tolist()))
        self.numbers = tuple(np.asarray(constants, np.float64).tolist())
        self.output = int(output)

    @property
    def code(self) -> Int[np.ndarray, "T 3"]:
        """The instructions, a row each."""
        return np.array(self.instructions, np.int64).reshape(-1, 3)

    @property
    def constants(self) -> Float[np.ndarray, " K"]:
        """The constants."""
        return np.array(self.numbers)

    @property
    def operations(self) -> int:
        """How many operations an evaluation takes."""
        return len(self.instructions)

    def __call__(self, x: Any) -> Any:
        values = [x, *self.numbers]
        for operation, left, right in self.instructions:
            a, b = values[left], values[right]
            values.append(_APPLY[operation](a, b))
        return values[self.output] + 0.0 * x if self.output <= len(self.numbers) else values[self.output]

    def to_python(self, name: str = "approximation") -> str:
        """The source of a function for numbers and arrays of any library."""
        lines = [f"    v{i} = {a} {sign} {b}" for i, sign, a, b in self._lines(repr)]
        return "\n".join([f"def {name}(x):", *lines, f"    return {self._name(self.output, repr)}", ""])

    def to_jax(self, name: str = "approximation") -> str:
        """The source of a module with a compiled function of JAX."""
        return f"import jax\n\n\n@jax.jit\n{self.to_python(name)}"

    def to_c(self, name: str = "approximation", dtype: str = "float32") -> str:
        """The source of a function in C for `float` or `double`."""
        single = dtype == "float32"
        kind = "float" if single else "double"

        def written(value: float) -> str:
            return f"{np.float32(value)!s}f" if single else repr(value)

        lines = [f"    const {kind} v{i} = {a} {sign} {b};" for i, sign, a, b in self._lines(written)]
        body = "\n".join([*lines, f"    return {self._name(self.output, written)};"])
        return f"static inline {kind} {name}({kind} x) {{\n{body}\n}}\n"

    def to_latex(self, digits: int = 8) -> str:
        """The expression as a formula. Values that are used several times are written out each time."""

        def expression(operand: int) -> tuple[str, int]:
            """The text and how strongly it binds: 1 a sum, 2 a product, 3 an atom."""
            if operand == 0:
                return "x", 3
            if operand <= len(self.numbers):
                value = self.numbers[operand - 1]
                return _decimal(value, digits), 3 if value >= 0.0 else 1
            operation, left, right = self.instructions[operand - 1 - len(self.numbers)]
            (a, a_binds), (b, b_binds) = expression(left), expression(right)
            if operation == 3:
                return rf"\frac{{{a}}}{{{b}}}", 3
            if operation == 2:
                if left == right:
                    return f"{_wrapped(a, a_binds < 3 or a.startswith(chr(92)))}^2", 2
                return rf"{_wrapped(a, a_binds < 2)} \, {_wrapped(b, b_binds < 2)}", 2
            return f"{a} {_SIGNS[operation]} {_wrapped(b, b_binds < 2)}", 1

        return expression(self.output)[0]

    def _lines(self, written: Any) -> list[tuple[int, str, str, str]]:
        return [
            (i, _SIGNS[operation], self._name(left, written), self._name(right, written))
            for i, (operation, left, right) in enumerate(self.instructions)
        ]

    def _name(self, operand: int, written: Any) -> str:
        K = len(self.numbers)
        if operand == 0:
            return "x"
        if operand > K:
            return f"v{operand - K - 1}"
        text = written(self.numbers[operand - 1])
        return f"({text})" if text.startswith("-") else text


def _wrapped(text: str, wanted: bool) -> str:
    return rf"\left({text}\right)" if wanted else text


def _decimal(value: float, digits: int) -> str:
    text = f"{value:.{digits}g}"
    mantissa, e, exponent = text.partition("e")
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if e else mantissa


def horner(coefficients: Any) -> Program:
    """A polynomial by Horner's rule, from its coefficients in ascending powers: two operations for each degree.

    >>> horner([1.0, 2.0, 3.0])(np.array([2.0])).tolist()
    [17.0]
    """
    return rational(coefficients, [1.0])


def rational(numerator: Any, denominator: Any) -> Program:
    """A quotient of polynomials by Horner's rule, with the denominator's leading coefficient 1.

    >>> program = rational([1.0, 1.0], [2.0, 2.0])
    >>> program(np.array([3.0])).tolist(), program.operations
    ([0.5], 4)
    """
    p, q = (np.asarray(c, np.float64) for c in (numerator, denominator))
    p, q = p / q[-1], q / q[-1]
    constants = [*p, *q[:-1]]
    K, m, n = len(constants), len(p) - 1, len(q) - 1
    code: list[tuple[int, int, int]] = []

    def emit(name: str, left: int, right: int) -> int:
        code.append((OPERATIONS.index(name), left, right))
        return K + len(code)

    top = m + 1
    for j in range(m, 0, -1):
        top = emit("add", emit("mul", top, 0), j)
    if n:
        bottom = emit("add", 0, m + 1 + n)
        for j in range(n - 1, 0, -1):
            bottom = emit("add", emit("mul", bottom, 0), m + 1 + j)
        top = emit("div", top, bottom)
    return Program(np.array(code, np.int64).reshape(-1, 3), np.array(constants), top)
