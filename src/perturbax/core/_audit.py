"""What a function never does, shown on its jaxpr instead of promised.

Two audits of programs. `find_floats` lists the equations between arguments and results that touch a number with a
fraction: none of them for inference in integers. `derivative_order` tells which derivative of a `watched` function a
program takes: 1 for a method that is said to need no Hessian-vector product.

A watched function passes its arguments and its results through the identity `derivative`, whose derivative is
`derivative` with an order that is larger by one. What comes out of reverse mode has passed it at the arguments, what
comes out of forward mode at the results; to differentiate that once more, in either mode, is to differentiate order 1.
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.extend.core as jex
import jax.numpy as jnp
from jax.interpreters import ad, batching, mlir

from ._jaxpr import Equation, Program, flatten


def find_floats(f: Callable[..., Any], *examples: Any) -> tuple[str, ...]:
    """The equations of a function that take or make floating-point or complex numbers, of those that its results need.

    **Arguments:** `f`: a function of arrays that returns arrays; `examples`: one array or `jax.ShapeDtypeStruct` per
    argument.

    **Returns:** primitive and line of each, in the order of evaluation; what is inside of loops is looked at too. An
    argument or a result that is floating is named as `argument` or `result`.

    >>> import numpy as np
    >>> find_floats(lambda x: (3 * x) >> 1, np.arange(4))
    ()
    >>> len(find_floats(lambda x: (1.5 * x).astype(int), np.arange(4)))
    3
    """
    program = flatten(f, *examples)
    found = [f"argument {i}" for i, value in enumerate(program.inputs) if _is_inexact(value)]
    found += [f"{name} at {line}" for name, line, values in _all_equations(program) if any(map(_is_inexact, values))]
    return (*found, *(f"result {i}" for i, value in enumerate(program.outputs) if _is_inexact(value)))


def watched(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, such that `derivative_order` sees its derivatives.

    **Arguments:** `f`: of trees of arrays, traceable.

    >>> watched(lambda x: x**2)(3)
    Array(9, dtype=int32, weak_type=True)
    """

    def marked(*arguments: Any) -> Any:
        return mark(f(*mark(arguments)))

    def mark(tree: Any) -> Any:
        return jax.tree.map(lambda leaf: _DERIVATIVE.bind(jnp.asarray(leaf), order=0), tree)

    return marked


def derivative_order(f: Callable[..., Any], *examples: Any) -> int:
    """The highest derivative of any `watched` function that the results of `f` need.

    **Arguments:** as for `find_floats`.

    **Returns:** 0 where only values are used, 1 for gradients, 2 for Hessian-vector products, and so on.

    >>> loss = watched(lambda x: x**4)
    >>> derivative_order(jax.grad(loss), 1.0), derivative_order(lambda x: jax.jvp(jax.grad(loss), (x,), (x,))[1], 1.0)
    (1, 2)
    """

    # Also equations that do not vary: in forward mode a direction that is constant makes one.
    return max((order for equation in flatten(f, *examples).equations for order in _orders_in(equation)), default=0)


def _is_inexact(value: Any) -> bool:
    dtype = getattr(getattr(value, "value", value), "dtype", None)
    return isinstance(getattr(value, "value", None), float | complex) or (
        dtype is not None and jax.dtypes.issubdtype(dtype, jnp.inexact)
    )


def _all_equations(program: Program) -> Iterator[tuple[str, str, tuple[Any, ...]]]:
    """Name, line and values of the equations, with those inside of loops and branches that stayed."""
    for equation in program.equations:
        yield equation.name, equation.source, (*equation.inputs, *equation.outputs)
        for body in _bodies(equation.params):
            for inner in _equations_in(body):
                avals = tuple(atom.aval for atom in (*inner.invars, *inner.outvars))
                yield f"{inner.primitive.name} in {equation.name}", equation.source, avals


def _bodies(params: Any) -> Iterator[Any]:
    """The jaxprs among the parameters of an equation."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            body = item.jaxpr if isinstance(item, jex.ClosedJaxpr) else item
            if isinstance(body, jex.Jaxpr):
                yield body


def _equations_in(body: Any) -> Iterator[Any]:
    for equation in body.eqns:
        yield equation
        for inner in _bodies(equation.params):
            yield from _equations_in(inner)


def _orders_in(equation: Equation) -> Iterator[int]:
    inner = [one for body in _bodies(equation.params) for one in _equations_in(body)]
    return (one.params["order"] for one in (equation, *inner) if one.primitive is _DERIVATIVE)


_DERIVATIVE = jex.Primitive("derivative")
_DERIVATIVE.def_impl(lambda x, order: x)
_DERIVATIVE.def_abstract_eval(lambda x, order: x)
mlir.register_lowering(_DERIVATIVE, lambda context, x, order: [x])


def _differentiate(primals: Any, tangents: Any, order: int) -> Any:
    (x,), (t,) = primals, tangents
    tangent = t if isinstance(t, ad.Zero) else _DERIVATIVE.bind(t, order=order + 1)
    return _DERIVATIVE.bind(x, order=order), tangent


def _transpose(cotangent: Any, x: Any, order: int) -> Any:
    return [cotangent if isinstance(cotangent, ad.Zero) else _DERIVATIVE.bind(cotangent, order=order)]


def _batch(values: Any, axes: Any, order: int) -> Any:
    return _DERIVATIVE.bind(values[0], order=order), axes[0]


ad.primitive_jvps[_DERIVATIVE] = _differentiate
ad.primitive_transposes[_DERIVATIVE] = _transpose
batching.primitive_batchers[_DERIVATIVE] = _batch
