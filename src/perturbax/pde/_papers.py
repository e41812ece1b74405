"""The papers that the methods of this package come from."""

from ..core import Paper

PINN = Paper(
    title="Physics-informed neural networks: A deep learning framework for solving forward and inverse problems "
    "involving nonlinear partial differential equations",
    authors=("Maziar Raissi", "Paris Perdikaris", "George E. Karniadakis"),
    year=2019,
    venue="Journal of Computational Physics 378",
    doi="10.1016/j.jcp.2018.10.045",
)

PIG = Paper(
    title="PIG: Physics-Informed Gaussians as Adaptive Parametric Mesh Representations",
    authors=("Namgyu Kang", "Jaemin Oh", "Youngjoon Hong", "Eunbyung Park"),
    year=2025,
    arxiv="2412.05994",
    venue="International Conference on Learning Representations",
)

RADIAL_BASIS = Paper(
    title="Multiquadrics: A scattered data approximation scheme with applications to computational fluid-dynamics II: "
    "Solutions to parabolic, hyperbolic and elliptic partial differential equations",
    authors=("Edward J. Kansa",),
    year=1990,
    venue="Computers & Mathematics with Applications 19 (8-9)",
    doi="10.1016/0898-1221(90)90271-K",
)
