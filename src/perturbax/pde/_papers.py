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

MODIFIED_MLP = Paper(
    title="Understanding and mitigating gradient flow pathologies in physics-informed neural networks",
    authors=("Sifan Wang", "Yujun Teng", "Paris Perdikaris"),
    year=2021,
    arxiv="2001.04536",
    venue="SIAM Journal on Scientific Computing 43 (5)",
)

FOURIER_FEATURES = Paper(
    title="On the eigenvector bias of Fourier feature networks: From regression to solving multi-scale PDEs with "
    "physics-informed neural networks",
    authors=("Sifan Wang", "Hanwen Wang", "Paris Perdikaris"),
    year=2021,
    arxiv="2012.10047",
    venue="Computer Methods in Applied Mechanics and Engineering 384",
)

SPINN = Paper(
    title="Separable Physics-Informed Neural Networks",
    authors=("Junwoo Cho", "Seungtae Nam", "Hyunmo Yang", "Seok-Bae Yun", "Youngjoon Hong", "Eunbyung Park"),
    year=2023,
    arxiv="2306.15969",
    venue="Advances in Neural Information Processing Systems",
)

PIXEL = Paper(
    title="PIXEL: Physics-Informed Cell Representations for Fast and Accurate PDE Solvers",
    authors=("Namgyu Kang", "Byeonghyeon Lee", "Youngjoon Hong", "Seok-Bae Yun", "Eunbyung Park"),
    year=2023,
    arxiv="2207.12800",
    venue="AAAI Conference on Artificial Intelligence",
)

XPINN = Paper(
    title="Extended physics-informed neural networks (XPINNs): A generalized space-time domain decomposition based "
    "deep learning framework for nonlinear partial differential equations",
    authors=("Ameya D. Jagtap", "George E. Karniadakis"),
    year=2020,
    venue="Communications in Computational Physics 28 (5)",
    doi="10.4208/cicp.OA-2020-0164",
)

CPINN = Paper(
    title="Conservative physics-informed neural networks on discrete domains for conservation laws: Applications to "
    "forward and inverse problems",
    authors=("Ameya D. Jagtap", "Ehsan Kharazmi", "George E. Karniadakis"),
    year=2020,
    venue="Computer Methods in Applied Mechanics and Engineering 365",
    doi="10.1016/j.cma.2020.113028",
)

METALIC = Paper(
    title="Meta Learning of Interface Conditions for Multi-Domain Physics-Informed Neural Networks",
    authors=(
        "Shibo Li",
        "Michael Penwarden",
        "Yiming Xu",
        "Conor Tillinghast",
        "Akil Narayan",
        "Robert M. Kirby",
        "Shandian Zhe",
    ),
    year=2023,
    arxiv="2210.12669",
    venue="International Conference on Machine Learning",
)
