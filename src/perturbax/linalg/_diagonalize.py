"""Diagonalising a matrix whose own eigenvectors are too ill-conditioned: the verb `diagonalize` and its report.

A non-normal `A` may have eigenvectors `V` of a condition number beyond `1 / round-off`: then `V Lambda V^-1` is nothing
like `A`. A small `E` changes that. With the eigenvectors of `A + E` in columns of length 1,

    A + E = V Lambda V^-1,      backward error = |V Lambda V^-1 - (A + E)|_2 / |A|_2.

What is computed belongs to `A + E`, a matrix that is known and near, up to the backward error: so the answer is
backward stable even where the eigenvalues themselves move far.
"""

import abc
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Complex, Inexact

from ..core import Method, SolverError, check_array, check_instance, check_key

_DRAWS = 20
# Round-off of size 1e-16 grows to the condition number times it, here to half of the digits.
_ILL_CONDITIONED = 1e8


class Diagonalization(eqx.Module):
    """What `diagonalize` returns: `A + E = V diag(values) V^-1`, on the host in complex128.

    - `values`, `vectors`, `inverse`: eigenvalues, eigenvectors `V` in columns of length 1, and `V^-1`.
    - `perturbation`: `E`, real for a real `A`, of which eigenvalues then come in conjugate pairs.
    - `condition`: of `V` in the 2-norm; `gap`: the smallest distance of two eigenvalues.
    - `backward_error`: `|V diag(values) V^-1 - (A + E)| / |A|` in the 2-norm, with `V^-1` applied by a solve.
    - `reflected`: how many eigenvalues were moved to the left half plane, which the backward error includes.
    - `stats`: `"evaluations"`, the number of eigendecompositions, and `"draws"`, of the perturbation.
    """

    values: Complex[np.ndarray, " n"]
    vectors: Complex[np.ndarray, "n n"]
    inverse: Complex[np.ndarray, "n n"]
    perturbation: Inexact[np.ndarray, "n n"]
    condition: float
    gap: float
    backward_error: float
    reflected: int
    stats: dict[str, Any]


class AbstractDiagonalization(Method):
    """A method of `linalg.diagonalize`, which is a choice of the perturbation."""

    random: ClassVar[bool] = True

    @abc.abstractmethod
    def perturbation(self, A: Inexact[np.ndarray, "n n"], key: Any) -> tuple[Inexact[np.ndarray, "n n"], int]:
        """`E`, and how many eigendecompositions were made to find it."""


def diagonalize(A: Any, method: AbstractDiagonalization, *, key: Any = None, stable: bool = False) -> Diagonalization:
    """Diagonalise a matrix near `A`, and tell how near and how well.

    Computed by LAPACK on the host in float64, whatever the setting is; not for `jit`.

    **Arguments:**

    - `A`: of shape `(n, n)`, real or complex. A real one is perturbed by real numbers.
    - `method`: such as `RandomPTD(0.1)`; `key`: JAX PRNG key, for methods that draw.
    - `stable`: ask for eigenvalues of negative real part. `E` is drawn again, at most 20 times; what is still on the
      right then is reflected at the imaginary axis, counted in `reflected`, and part of the backward error.

    **Returns:** a `Diagonalization`.

    **Raises:** `TypeError`, `ValueError` for arguments that do not fit; `SolverError` when eigenvectors are dependent
    in float64. Warns when their condition number is above 1e8.

    >>> import numpy as np
    >>> from perturbax import linalg
    >>> jordan = np.eye(3, k=1)
    >>> found = linalg.diagonalize(jordan, linalg.RandomPTD(1e-3), key=jax.random.key(0))
    >>> found.condition < 1e4, found.backward_error < 1e-12
    (True, True)
    """
    A = np.asarray(check_array("A", A, ndim=2, kind="number"))
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"A must be square, got shape {A.shape}")
    check_instance("method", method, AbstractDiagonalization, "a method such as RandomPTD(0.1)")
    if method.random:
        check_key("key", key)
    A = A.astype(np.complex128 if np.iscomplexobj(A) else np.float64)
    evaluations, draws = 0, 0
    while True:
        E, spent = method.perturbation(A, jax.random.fold_in(key, draws) if method.random else None)
        values, vectors = np.linalg.eig(A + E)
        evaluations, draws = evaluations + spent + 1, draws + 1
        if not stable or np.real(values).max() < 0.0 or not method.random or draws == _DRAWS:
            break
    return _report(A, E, values, vectors, stable, {"evaluations": evaluations, "draws": draws})


def _report(A: Any, E: Any, values: Any, vectors: Any, stable: bool, stats: dict[str, Any]) -> Diagonalization:
    values, vectors = values.astype(np.complex128), vectors.astype(np.complex128)
    wrong = stable & (values.real >= 0.0)
    scale = float(np.linalg.norm(A, 2)) or 1.0
    # An eigenvalue on the axis itself is moved off it by round-off of the matrix.
    left = -np.maximum(np.abs(values.real), np.finfo(np.float64).eps * scale)
    values = np.where(wrong, left + 1j * values.imag, values)
    condition = float(np.linalg.cond(vectors))
    try:
        inverse = np.linalg.inv(vectors)
        made = np.linalg.solve(vectors.T, (vectors * values).T).T
    except np.linalg.LinAlgError:
        raise SolverError(
            f"eigenvectors of A + E are dependent, condition number {condition:.2g}; perturb A more"
        ) from None
    if condition > _ILL_CONDITIONED:
        warnings.warn(
            f"eigenvectors have condition number {condition:.2g}: half of the digits or more are lost", stacklevel=3
        )
    distances = np.abs(values[:, None] - values) + np.where(np.eye(values.size, dtype=bool), np.inf, 0.0)
    return Diagonalization(
        values=values,
        vectors=vectors,
        inverse=inverse,
        perturbation=E,
        condition=condition,
        gap=float(distances.min()),
        backward_error=float(np.linalg.norm(made - A - E, 2)) / scale,
        reflected=int(np.count_nonzero(wrong)),
        stats=stats,
    )
