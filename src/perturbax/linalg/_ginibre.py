"""Ginibre matrices of a given norm, and the papers of perturbing before diagonalising."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Inexact

from ..core import Paper, float64

YU_ET_AL = Paper(
    title="Robustifying State-space Models for Long Sequences via Approximate Diagonalization",
    authors=("Annan Yu", "Arnur Nigmetov", "Dmitriy Morozov", "Michael W. Mahoney", "N. Benjamin Erichson"),
    year=2023,
    arxiv="2310.01698",
)
BANKS_ET_AL = Paper(
    title="Gaussian Regularization of the Pseudospectrum and Davies' Conjecture",
    authors=("Jess Banks", "Archit Kulkarni", "Satyaki Mukherjee", "Nikhil Srivastava"),
    year=2019,
    arxiv="1906.11819",
)


def ginibre(key: Any, like: Inexact[np.ndarray, "n n"], norm: float) -> Inexact[np.ndarray, "n n"]:
    """Independent normal numbers, real or complex as `like`, scaled to a 2-norm."""
    with float64():
        Z = np.asarray(jax.random.normal(key, (2, *like.shape), jnp.float64))
    Z = Z[0] + 1j * Z[1] if np.iscomplexobj(like) else Z[0]
    return norm * Z / np.linalg.norm(Z, 2)
