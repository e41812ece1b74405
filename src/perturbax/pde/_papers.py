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
