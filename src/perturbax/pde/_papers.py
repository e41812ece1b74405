"""The papers that the methods of this package come from."""

from ..core import Paper

GAS_CHROMATOGRAPH = Paper(
    title="Mathematical modelling of flow and adsorption in a gas chromatograph",
    authors=("A. Cabrera-Codony", "A. Valverde", "K. Born", "O. A. I. Noreldin", "T. G. Myers"),
    year=2024,
    arxiv="2501.00001",
    venue="Partial Differential Equations in Applied Mathematics",
)

EXCHANGE_IN_COLUMNS = Paper(
    title="On the mathematics of exchange processes in fixed columns. I. Mathematical solutions and asymptotic "
    "expansions",
    authors=("Sydney Goldstein",),
    year=1953,
    venue="Proceedings of the Royal Society A 219",
)

DIAGONALLY_IMPLICIT = Paper(
    title="Diagonally implicit Runge-Kutta methods for stiff O.D.E.'s",
    authors=("Roger Alexander",),
    year=1977,
    venue="SIAM Journal on Numerical Analysis 14",
)

PLATES = Paper(
    title="A new form of chromatogram employing two liquid phases",
    authors=("Archer J. P. Martin", "Richard L. M. Synge"),
    year=1941,
    venue="Biochemical Journal 35",
)
