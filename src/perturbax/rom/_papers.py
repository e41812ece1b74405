"""The papers that the methods of this package come from."""

from ..core import Paper

LOCAL_BASES_BY_ANGLES = Paper(
    title="Physics-informed cluster analysis and a priori efficiency criterion for the construction of local "
    "reduced-order bases",
    authors=("Thomas Daniel", "Fabien Casenave", "Nissrine Akkari", "Ali Ketata", "David Ryckelynck"),
    year=2021,
    arxiv="2103.13683",
)

ROM_NET = Paper(
    title="Model order reduction assisted by deep neural networks (ROM-net)",
    authors=("Thomas Daniel", "Fabien Casenave", "Nissrine Akkari", "David Ryckelynck"),
    year=2020,
    venue="Advanced Modeling and Simulation in Engineering Sciences 7 (16)",
)

PEBL_ROM = Paper(
    title="PEBL-ROM: Projection-error based local reduced-order models",
    authors=("David Amsallem", "Bernard Haasdonk"),
    year=2016,
    venue="Advanced Modeling and Simulation in Engineering Sciences 3 (6)",
    doi="10.1186/s40323-016-0059-7",
)

LOCAL_BASES = Paper(
    title="Nonlinear model order reduction based on local reduced-order bases",
    authors=("David Amsallem", "Matthew J. Zahr", "Charbel Farhat"),
    year=2012,
    venue="International Journal for Numerical Methods in Engineering",
)

FASTER_PAM = Paper(
    title="Fast and eager k-medoids clustering: O(k) runtime improvement of the PAM, CLARA, and CLARANS algorithms",
    authors=("Erich Schubert", "Peter J. Rousseeuw"),
    year=2021,
    arxiv="2008.05171",
)

SNAPSHOTS = Paper(
    title="Turbulence and the dynamics of coherent structures",
    authors=("Lawrence Sirovich",),
    year=1987,
    venue="Quarterly of Applied Mathematics",
)

ADAPTIVE_ROM = Paper(
    title="An error indicator-based adaptive reduced order model for nonlinear structural mechanics - application to "
    "high-pressure turbine blades",
    authors=("Fabien Casenave", "Nissrine Akkari"),
    year=2019,
    venue="Mathematical and Computational Applications 24 (2)",
    doi="10.3390/mca24020041",
)

CUBATURE = Paper(
    title="Dimensional hyper-reduction of nonlinear finite element models via empirical cubature",
    authors=("Joaquín A. Hernández", "Manuel A. Caicedo", "Alex Ferrer"),
    year=2017,
    venue="Computer Methods in Applied Mechanics and Engineering 313",
)

INELASTICITY = Paper(
    title="Computational Inelasticity",
    authors=("Juan C. Simo", "Thomas J. R. Hughes"),
    year=1998,
    venue="Springer",
)

WGAN_SUBMODEL = Paper(
    title="Uncertainty quantification in a mechanical submodel driven by a Wasserstein-GAN",
    authors=("Hamza Boukraichi", "Nissrine Akkari", "Fabien Casenave", "David Ryckelynck"),
    year=2021,
    arxiv="2110.13680",
)

GRADIENT_PENALTY = Paper(
    title="Improved Training of Wasserstein GANs",
    authors=("Ishaan Gulrajani", "Faruk Ahmed", "Martin Arjovsky", "Vincent Dumoulin", "Aaron Courville"),
    year=2017,
    arxiv="1704.00028",
)

GENERATIVE_ADVERSARIAL = Paper(
    title="Generative Adversarial Networks",
    authors=(
        "Ian J. Goodfellow",
        "Jean Pouget-Abadie",
        "Mehdi Mirza",
        "Bing Xu",
        "David Warde-Farley",
        "Sherjil Ozair",
        "Aaron Courville",
        "Yoshua Bengio",
    ),
    year=2014,
    arxiv="1406.2661",
)

CONDITIONAL_VAE = Paper(
    title="Learning Structured Output Representation using Deep Conditional Generative Models",
    authors=("Kihyuk Sohn", "Honglak Lee", "Xinchen Yan"),
    year=2015,
    venue="Advances in Neural Information Processing Systems 28",
)

PRINCIPAL_COMPONENTS = Paper(
    title="Principal Component Analysis",
    authors=("Ian T. Jolliffe",),
    year=2002,
    venue="Springer",
)

COPULAS = Paper(
    title="Fonctions de répartition à n dimensions et leurs marges",
    authors=("Abe Sklar",),
    year=1959,
    venue="Publications de l'Institut de Statistique de l'Université de Paris 8",
)

BOOTSTRAP = Paper(
    title="Bootstrap Methods: Another Look at the Jackknife",
    authors=("Bradley Efron",),
    year=1979,
    venue="The Annals of Statistics 7",
)
