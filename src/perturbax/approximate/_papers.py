"""The papers that the methods of this package come from."""

from ..core import Paper

BANDLIMITED = Paper(
    title="How Powerful are Shallow Neural Networks with Bandlimited Random Weights?",
    authors=("Ming Li", "Sho Sonoda", "Feilong Cao", "Yu Guang Wang", "Jiye Liang"),
    year=2023,
    arxiv="2008.08427",
    venue="ICML",
)

STOCHASTIC_CONFIGURATION = Paper(
    title="Stochastic Configuration Networks: Fundamentals and Algorithms",
    authors=("Dianhui Wang", "Ming Li"),
    year=2017,
    arxiv="1702.03180",
)

RANDOM_FEATURES = Paper(
    title="Random Features for Large-Scale Kernel Machines",
    authors=("Ali Rahimi", "Benjamin Recht"),
    year=2007,
    venue="NeurIPS",
)

KERNEL_RIDGE = Paper(
    title="Ridge Regression Learning Algorithm in Dual Variables",
    authors=("Craig Saunders", "Alexander Gammerman", "Volodya Vovk"),
    year=1998,
    venue="ICML",
)

ADAM = Paper(
    title="Adam: A Method for Stochastic Optimization",
    authors=("Diederik P. Kingma", "Jimmy Ba"),
    year=2015,
    arxiv="1412.6980",
    venue="ICLR",
)

APPROXIMATION_THEORY = Paper(
    title="Approximation Theory and Approximation Practice",
    authors=("Lloyd N. Trefethen",),
    year=2013,
)

AUTONUMERICS = Paper(
    title="AutoNumerics-Zero: Automated Discovery of State-of-the-Art Mathematical Functions",
    authors=(
        "Esteban Real",
        "Yao Chen",
        "Mirko Rossini",
        "Connal de Souza",
        "Manav Garg",
        "Akhil Verghese",
        "Moritz Firsching",
        "Quoc V. Le",
        "Ekin Dogus Cubuk",
        "David H. Park",
    ),
    year=2023,
    arxiv="2312.08472",
)

NSGA_II = Paper(
    title="A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
    authors=("Kalyanmoy Deb", "Amrit Pratap", "Sameer Agarwal", "T. Meyarivan"),
    year=2002,
    doi="10.1109/4235.996017",
)

PADE = Paper(
    title="Padé Approximants",
    authors=("George A. Baker", "Peter Graves-Morris"),
    year=1996,
)

LAWSON = Paper(
    title="Contributions to the Theory of Linear Least Maximum Approximation",
    authors=("Charles L. Lawson",),
    year=1961,
)

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
