"""The papers that the methods of this package come from."""

from ..core import Paper

GAS_CHROMATOGRAPH = Paper(
    title="Mathematical modelling of flow and adsorption in a gas chromatograph",
    authors=("A. Cabrera-Codony", "A. Valverde", "K. Born", "O. A. I. Noreldin", "T. G. Myers"),
    year=2024,
    arxiv="2501.00001",
    venue="Partial Differential Equations in Applied Mathematics",
)

VARIABLE_PROJECTION = Paper(
    title="The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate",
    authors=("Gene H. Golub", "Victor Pereyra"),
    year=1973,
    venue="SIAM Journal on Numerical Analysis 10",
)

MODIFIED_GAUSSIAN = Paper(
    title="Characterization of exponentially modified Gaussian peaks in chromatography",
    authors=("Eli Grushka",),
    year=1972,
    venue="Analytical Chemistry 44",
)

PLATES = Paper(
    title="A new form of chromatogram employing two liquid phases",
    authors=("Archer J. P. Martin", "Richard L. M. Synge"),
    year=1941,
    venue="Biochemical Journal 35",
)
