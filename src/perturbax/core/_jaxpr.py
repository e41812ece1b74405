"""A function as a flat list of equations, and the one small interpreter of such lists.

JAX writes a function as a jaxpr: equations of primitives, with calls inside of calls. `flatten` writes it as a
`Program`: calls (`jit`, `custom_jvp`, `custom_vjp`, `remat`, `closed_call`) are inlined, a `scan` is unrolled, a `cond`
whose predicate does not depend on the arguments becomes a selection between its inlined branches, identities are
dropped, and so is what no output needs. Each variable knows whether it varies with the arguments.

`interpret` walks a program with `Rules`, one function per primitive: intervals, linear bounds, integers in the place of
real numbers, or an audit are each a set of rules. Equations that do not vary are evaluated as they stand.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import equinox
import jax
import jax.extend.core as jex
import jax.numpy as jnp

_CALLS = {"jit", "closed_call", "remat2", "custom_jvp_call", "custom_vjp_call"}
_IDENTITIES = {"stop_gradient", "copy", "copy_p", "name", "optimization_barrier"}


@dataclass(frozen=True, eq=False)
class Variable:
    """A value that equations hand on, known by its identity; `varying` when it depends on the program's arguments."""

    shape: tuple[int, ...]
    dtype: Any
    varying: bool


@dataclass(frozen=True, eq=False)
class Constant:
    """A value that is known: a literal, or an array that the function closes over (a tracer inside of `jit`)."""

    value: Any

    @property
    def varying(self) -> bool:
        """A constant does not vary."""
        return False


@dataclass(frozen=True, eq=False)
class Equation:
    """One primitive applied to variables and constants.

    `source` is the user's line that it was traced from, in words.
    """

    primitive: Any = field(repr=False)
    params: Mapping[str, Any] = field(repr=False)
    inputs: tuple[Any, ...]
    outputs: tuple[Variable, ...]
    source: str

    @property
    def name(self) -> str:
        """The primitive's name."""
        return self.primitive.name

    @property
    def varying(self) -> bool:
        """Whether any input varies."""
        return any(value.varying for value in self.inputs)

    def values(self, known: Mapping[Any, Any]) -> list[Any]:
        """The inputs: constants, and what is known of variables."""
        return [value.value if isinstance(value, Constant) else known[value] for value in self.inputs]

    def bind(self, *values: Any) -> tuple[Any, ...]:
        """The outputs for values of the inputs."""
        found = self.primitive.bind(*values, **self.params)
        return tuple(found) if self.primitive.multiple_results else (found,)


@dataclass(frozen=True, eq=False)
class Program:
    """Equations in the order of evaluation, with the variables that they start from and the values that they end in."""

    inputs: tuple[Variable, ...]
    equations: tuple[Equation, ...]
    outputs: tuple[Any, ...]

    def producers(self) -> dict[Variable, Equation]:
        """The equation that each variable comes from."""
        return {output: equation for equation in self.equations for output in equation.outputs}

    def live(self) -> "Program":
        """The same program without equations that no output needs."""
        needed = {value for value in self.outputs if isinstance(value, Variable)}
        kept = []
        for equation in reversed(self.equations):
            if not needed.isdisjoint(equation.outputs):
                kept.append(equation)
                needed.update(value for value in equation.inputs if isinstance(value, Variable))
        return Program(self.inputs, tuple(reversed(kept)), self.outputs)


# As what JAX raises for a primitive without a rule of differentiation or batching.
class MissingRuleError(NotImplementedError):
    """A set of rules has none for a primitive; the message says which, on which line, and how to add one."""


class Rules:
    """Functions `rule(equation, *values) -> outputs` by the name of a primitive.

    **Arguments:** `purpose`: what the rules compute, for messages; `remedy`: how a user adds a rule.

    >>> Rules("interval", "use verify.register").purpose
    'interval'
    """

    def __init__(self, purpose: str, remedy: str):
        self.purpose, self.remedy = purpose, remedy
        self._rules: dict[str, Callable[..., Any]] = {}

    def register(self, *names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """A decorator that makes a function the rule of the named primitives."""

        def add(rule: Callable[..., Any]) -> Callable[..., Any]:
            self._rules.update(dict.fromkeys(names, rule))
            return rule

        return add

    def __contains__(self, name: str) -> bool:
        return name in self._rules

    def of(self, equation: Equation) -> Callable[..., Any]:
        """The rule for an equation.

        **Raises:** `MissingRuleError`.
        """
        if equation.name not in self._rules:
            raise MissingRuleError(
                f"no {self.purpose} rule for the primitive {equation.name!r} at {equation.source}; {self.remedy}"
            )
        return self._rules[equation.name]


def flatten(f: Callable[..., Any], *examples: Any) -> Program:
    """The program of `f`, in which the arguments vary and everything that `f` closes over is constant.

    **Arguments:** `f`: a function of arrays that returns arrays; `examples`: one array or `jax.ShapeDtypeStruct` per
    argument.

    **Returns:** a `Program` whose outputs are the leaves of what `f` returns.

    >>> import numpy as np
    >>> [e.name for e in flatten(lambda x: jax.nn.relu(2.0 * x), np.ones(3)).equations]
    ['mul', 'max']
    """
    closed = jax.make_jaxpr(f)(*examples)
    inputs = tuple(Variable(v.aval.shape, v.aval.dtype, varying=True) for v in closed.jaxpr.invars)
    equations: list[Equation] = []
    outputs = _inline(closed, inputs, equations)
    return Program(inputs, tuple(equations), tuple(outputs)).live()


def interpret(program: Program, rules: Rules, values: Sequence[Any]) -> dict[Any, Any]:
    """Walk a program from the values of its inputs.

    **Arguments:** `rules`: what to do with equations that vary; `values`: one per input of the program.

    **Returns:** the value of every variable: arrays where nothing varies, else what the rules made.

    **Raises:** `MissingRuleError`.

    >>> rules = Rules("count", "register it")
    >>> _ = rules.register("sin", "mul")(lambda equation, *values: [1 + max(v for v in values if isinstance(v, int))])
    >>> program = flatten(lambda x: jnp.sin(jnp.sin(x) * 2.0), jnp.ones(()))
    >>> interpret(program, rules, [0])[program.outputs[0]]
    3
    """
    known = dict(zip(program.inputs, values, strict=True))
    for equation in program.equations:
        step(equation, rules, known)
    return known


def step(equation: Equation, rules: Rules, known: dict[Any, Any]) -> None:
    """One equation of `interpret`: its outputs are added to what is known."""
    values = equation.values(known)
    found = rules.of(equation)(equation, *values) if equation.varying else equation.bind(*values)
    known.update(zip(equation.outputs, found, strict=True))


def splice(f: Callable[..., Any], inputs: Sequence[Any], source: str) -> tuple[list[Equation], list[Any]]:
    """The equations of `f` applied to variables and constants that are there already, and what it returns.

    It is how a rewriting of a program puts other equations in the place of some.

    **Arguments:** `f`: of arrays; `inputs`: variables and constants; `source`: what the new equations name as theirs.
    """
    examples = [v.value if isinstance(v, Constant) else jax.ShapeDtypeStruct(v.shape, v.dtype) for v in inputs]
    equations: list[Equation] = []
    outputs = _inline(jax.make_jaxpr(f)(*examples), inputs, equations, source)
    return equations, outputs


def _inline(closed: Any, inputs: Sequence[Any], equations: list[Equation], source: str | None = None) -> list[Any]:
    """Append the equations of a closed jaxpr for given inputs; what its outputs are."""
    jaxpr = closed.jaxpr
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, map(Constant, closed.consts), strict=True))
    known.update(zip(jaxpr.invars, inputs, strict=True))

    def read(atom: Any) -> Any:
        return Constant(atom.val) if isinstance(atom, jex.Literal) else known[atom]

    for eqn in jaxpr.eqns:
        values = tuple(map(read, eqn.invars))
        line = source or _line_of(eqn)
        found = _expand(eqn, values, equations, source, line)
        if found is None:
            varying = any(value.varying for value in values)
            found = [Variable(v.aval.shape, v.aval.dtype, varying) for v in eqn.outvars]
            equations.append(Equation(eqn.primitive, eqn.params, values, tuple(found), line))
        known.update(zip(eqn.outvars, found, strict=True))
    return list(map(read, jaxpr.outvars))


def _expand(
    eqn: Any, values: tuple[Any, ...], equations: list[Equation], source: str | None, line: str
) -> list[Any] | None:
    """The outputs of an equation that stands for others, or `None` for one that stays."""
    name = eqn.primitive.name
    if name in _IDENTITIES:
        return list(values)
    if name in _CALLS:
        body = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr"))
        closed = body if isinstance(body, jex.ClosedJaxpr) else jex.ClosedJaxpr(body, ())
        return _inline(closed, values, equations, source)
    if not any(value.varying for value in values):
        return None
    if name == "scan":
        return _unroll(eqn.params, values, equations, line)
    if name == "cond" and not values[0].varying:
        branches = [_inline(branch, values[1:], equations, line) for branch in eqn.params["branches"]]
        return [
            _apply(jax.lax.select_n, [values[0], *cases], equations, line)[0] for cases in zip(*branches, strict=True)
        ]
    return None


def _unroll(params: Mapping[str, Any], values: tuple[Any, ...], equations: list[Equation], line: str) -> list[Any]:
    consts, carries, length = params["num_consts"], params["num_carry"], params["length"]
    fixed, carry, rows = values[:consts], list(values[consts : consts + carries]), values[consts + carries :]
    stacked: list[list[Any]] = [[] for _ in params["jaxpr"].jaxpr.outvars[carries:]]
    order: Iterable[int] = reversed(range(length)) if params["reverse"] else range(length)
    for i in order:
        row = [_apply(lambda x, i=i: jax.lax.index_in_dim(x, i, 0, False), [x], equations, line)[0] for x in rows]
        found = _inline(params["jaxpr"], [*fixed, *carry, *row], equations, line)
        carry = found[:carries]
        for ys, y in zip(stacked, found[carries:], strict=True):
            ys.append(y)
    for ys in stacked:
        if params["reverse"]:
            ys.reverse()
        carry.append(_apply(lambda *ys: jnp.stack(ys), ys, equations, line)[0])
    return carry


def _apply(f: Callable[..., Any], inputs: Sequence[Any], equations: list[Equation], line: str) -> list[Any]:
    added, outputs = splice(f, inputs, line)
    equations.extend(added)
    return outputs


def _line_of(eqn: Any) -> str:
    """The innermost line of the user's program that an equation was traced from."""
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback else ():
        path = Path(frame.file_name)
        if not any(path.is_relative_to(folder) for folder in _ON_THE_WAY):
            return f"{path.name}:{frame.line_num} ({frame.function_name.split('.')[-1]})"
    return "an unknown line"


# Frames of these are on the way to every equation and tell a user nothing.
_ON_THE_WAY = (
    *(Path(module.__file__ or "").parent for module in (jax, equinox)),
    *(Path(__file__).parents[1] / name for name in ("core", "verify")),
)
