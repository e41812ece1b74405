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

GP_HM = Paper(
    title="Solving High Frequency and Multi-Scale PDEs with Gaussian Processes",
    authors=("Shikai Fang", "Madison Cooley", "Da Long", "Shibo Li", "Robert M. Kirby", "Shandian Zhe"),
    year=2024,
    arxiv="2311.04465",
    venue="International Conference on Learning Representations",
)

SPECTRAL_MIXTURE = Paper(
    title="Gaussian Process Kernels for Pattern Discovery and Extrapolation",
    authors=("Andrew Gordon Wilson", "Ryan Prescott Adams"),
    year=2013,
    arxiv="1302.4245",
    venue="International Conference on Machine Learning",
)

SPECTRAL_METHODS = Paper(
    title="Spectral Methods in MATLAB",
    authors=("Lloyd N. Trefethen",),
    year=2000,
    venue="Society for Industrial and Applied Mathematics",
)

BARRON_FLOW = Paper(
    title="Neural Network Approximations of PDEs Beyond Linearity: A Representational Perspective",
    authors=("Tanya Marwah", "Zachary C. Lipton", "Jianfeng Lu", "Andrej Risteski"),
    year=2023,
    arxiv="2210.12101",
    venue="International Conference on Machine Learning",
)

DEEP_RITZ = Paper(
    title="The Deep Ritz Method: A Deep Learning-Based Numerical Algorithm for Solving Variational Problems",
    authors=("Weinan E", "Bing Yu"),
    year=2018,
    arxiv="1710.00211",
    venue="Communications in Mathematics and Statistics 6 (1)",
)

AAS = Paper(
    title="Adversarial Adaptive Sampling: Unify PINN and Optimal Transport for the Approximation of PDEs",
    authors=("Kejun Tang", "Jiayu Zhai", "Xiaoliang Wan", "Chao Yang"),
    year=2024,
    arxiv="2305.18702",
    venue="International Conference on Learning Representations",
)

DAS = Paper(
    title="DAS-PINNs: A deep adaptive sampling method for solving high-dimensional partial differential equations",
    authors=("Kejun Tang", "Xiaoliang Wan", "Chao Yang"),
    year=2023,
    arxiv="2112.14038",
    venue="Journal of Computational Physics 476",
)

KRNET = Paper(
    title="Adaptive deep density approximation for Fokker-Planck equations",
    authors=("Kejun Tang", "Xiaoliang Wan", "Qifeng Liao"),
    year=2022,
    arxiv="2103.11181",
    venue="Journal of Computational Physics 457",
)

DEEPXDE = Paper(
    title="DeepXDE: A deep learning library for solving differential equations",
    authors=("Lu Lu", "Xuhui Meng", "Zhiping Mao", "George E. Karniadakis"),
    year=2021,
    arxiv="1907.04502",
    venue="SIAM Review 63 (1)",
)

RAD = Paper(
    title="A comprehensive study of non-adaptive and residual-based adaptive sampling for physics-informed neural "
    "networks",
    authors=("Chenxi Wu", "Min Zhu", "Qinyang Tan", "Yadhu Kartha", "Lu Lu"),
    year=2023,
    arxiv="2207.10289",
    venue="Computer Methods in Applied Mechanics and Engineering 403",
)


EXTREME_LEARNING = Paper(
    title="Physics Informed Extreme Learning Machine (PIELM) -- A rapid method for the numerical solution of partial "
    "differential equations",
    authors=("Vikas Dwivedi", "Balaji Srinivasan"),
    year=2020,
    arxiv="1907.03507",
    venue="Neurocomputing 391",
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
