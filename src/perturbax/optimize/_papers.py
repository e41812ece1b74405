"""The papers that the methods of this package come from."""

from ..core import Paper

LEARNING_TO_RELAX = Paper(
    title="Learning to Relax: Setting Solver Parameters Across a Sequence of Linear System Instances",
    authors=("Mikhail Khodak", "Edmond Chow", "Maria-Florina Balcan", "Ameet Talwalkar"),
    year=2024,
    arxiv="2310.02246",
    venue="ICLR",
)

TSALLIS_INF = Paper(
    title="Tsallis-INF: An Optimal Algorithm for Stochastic and Adversarial Bandits",
    authors=("Julian Zimmert", "Yevgeny Seldin"),
    year=2021,
    arxiv="1807.07623",
    venue="Journal of Machine Learning Research",
)

SQUARE_CB = Paper(
    title="Beyond UCB: Optimal and Efficient Contextual Bandits with Regression Oracles",
    authors=("Dylan J. Foster", "Alexander Rakhlin"),
    year=2020,
    arxiv="2002.04926",
    venue="ICML",
)

EXP3 = Paper(
    title="The Nonstochastic Multiarmed Bandit Problem",
    authors=("Peter Auer", "Nicolò Cesa-Bianchi", "Yoav Freund", "Robert E. Schapire"),
    year=2002,
    doi="10.1137/S0097539701398375",
)

EXP3_ANYTIME = Paper(
    title="Regret Analysis of Stochastic and Nonstochastic Multi-armed Bandit Problems",
    authors=("Sébastien Bubeck", "Nicolò Cesa-Bianchi"),
    year=2012,
    arxiv="1204.5721",
)

UCB1 = Paper(
    title="Finite-time Analysis of the Multiarmed Bandit Problem",
    authors=("Peter Auer", "Nicolò Cesa-Bianchi", "Paul Fischer"),
    year=2002,
    doi="10.1023/A:1013689704352",
)

GOLDEN_SECTION = Paper(
    title="Sequential Minimax Search for a Maximum",
    authors=("Jack Kiefer",),
    year=1953,
    doi="10.1090/S0002-9939-1953-0055639-3",
)

DYNAMICAL_STABILITY = Paper(
    title="The Implicit Regularization of Dynamical Stability in Stochastic Gradient Descent",
    authors=("Lei Wu", "Weijie J. Su"),
    year=2023,
    arxiv="2305.17490",
    venue="ICML",
)

HOW_SGD_SELECTS = Paper(
    title="How SGD Selects the Global Minima in Over-parameterized Learning: A Dynamical Stability Perspective",
    authors=("Lei Wu", "Chao Ma", "Weinan E"),
    year=2018,
    venue="NeurIPS",
)

MA_YING = Paper(
    title="On Linear Stability of SGD and Input-Smoothness of Neural Networks",
    authors=("Chao Ma", "Lexing Ying"),
    year=2021,
    arxiv="2105.13462",
    venue="NeurIPS",
)

ALIGNMENT = Paper(
    title="The Alignment Property of SGD Noise and How it Helps Select Flat Minima: A Stability Analysis",
    authors=("Lei Wu", "Mingze Wang", "Weijie Su"),
    year=2022,
    arxiv="2207.02628",
    venue="NeurIPS",
)

EDGE_OF_STABILITY = Paper(
    title="Gradient Descent on Neural Networks Typically Occurs at the Edge of Stability",
    authors=("Jeremy M. Cohen", "Simran Kaur", "Yuanzhi Li", "J. Zico Kolter", "Ameet Talwalkar"),
    year=2021,
    arxiv="2103.00065",
    venue="ICLR",
)

HAWQ_V3 = Paper(
    title="HAWQ-V3: Dyadic Neural Network Quantization",
    authors=(
        "Zhewei Yao",
        "Zhen Dong",
        "Zhangcheng Zheng",
        "Amir Gholami",
        "Jiali Yu",
        "Eric Tan",
        "Leyuan Wang",
        "Qijing Huang",
        "Yida Wang",
        "Michael W. Mahoney",
        "Kurt Keutzer",
    ),
    year=2021,
    arxiv="2011.10680",
    venue="ICML",
)

HAWQ_V2 = Paper(
    title="HAWQ-V2: Hessian Aware trace-Weighted Quantization of Neural Networks",
    authors=(
        "Zhen Dong",
        "Zhewei Yao",
        "Daiyaan Arfeen",
        "Amir Gholami",
        "Michael W. Mahoney",
        "Kurt Keutzer",
    ),
    year=2020,
    arxiv="1911.03852",
    venue="NeurIPS",
)

HAWQ_V1 = Paper(
    title="HAWQ: Hessian AWare Quantization of Neural Networks with Mixed-Precision",
    authors=("Zhen Dong", "Zhewei Yao", "Amir Gholami", "Michael W. Mahoney", "Kurt Keutzer"),
    year=2019,
    arxiv="1905.03696",
    venue="ICCV",
)

ZEROQ = Paper(
    title="ZeroQ: A Novel Zero Shot Quantization Framework",
    authors=(
        "Yaohui Cai",
        "Zhewei Yao",
        "Zhen Dong",
        "Amir Gholami",
        "Michael W. Mahoney",
        "Kurt Keutzer",
    ),
    year=2020,
    arxiv="2001.00281",
    venue="CVPR",
)

INTEGER_ONLY = Paper(
    title="Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference",
    authors=(
        "Benoit Jacob",
        "Skirmantas Kligys",
        "Bo Chen",
        "Menglong Zhu",
        "Matthew Tang",
        "Andrew Howard",
        "Hartwig Adam",
        "Dmitry Kalenichenko",
    ),
    year=2018,
    arxiv="1712.05877",
    venue="CVPR",
)

FOR_LOOP = Paper(
    title=(
        "A for-loop is all you need. For solving the inverse problem in the case of personalized tumor growth modeling"
    ),
    authors=(
        "Ivan Ezhov",
        "Marcel Rosier",
        "Lucas Zimmer",
        "Florian Kofler",
        "Suprosanna Shit",
        "Johannes Paetzold",
        "Kevin Scibilia",
        "Leon Maechler",
        "Katharina Franitza",
        "Tamaz Amiranashvili",
        "Martin J. Menten",
        "Marie Metz",
        "Sailesh Conjeti",
        "Benedikt Wiestler",
        "Bjoern Menze",
    ),
    year=2022,
    arxiv="2205.04550",
    venue="Machine Learning for Health, PMLR 193",
)

CMA_ES = Paper(
    title="The CMA Evolution Strategy: A Tutorial",
    authors=("Nikolaus Hansen",),
    year=2016,
    arxiv="1604.00772",
)

ABC = Paper(
    title="Population Growth of Human Y Chromosomes: A Study of Y Chromosome Microsatellites",
    authors=("Jonathan K. Pritchard", "Mark T. Seielstad", "Anna Perez-Lezaun", "Marcus W. Feldman"),
    year=1999,
    doi="10.1093/oxfordjournals.molbev.a026091",
)

METROPOLIS = Paper(
    title="Equation of State Calculations by Fast Computing Machines",
    authors=(
        "Nicholas Metropolis",
        "Arianna W. Rosenbluth",
        "Marshall N. Rosenbluth",
        "Augusta H. Teller",
        "Edward Teller",
    ),
    year=1953,
    doi="10.1063/1.1699114",
)

BLACKJAX = Paper(
    title="BlackJAX: Composable Bayesian inference in JAX",
    authors=("Alberto Cabezas", "Adrien Corenflos", "Junpeng Lao", "Rémi Louf"),
    year=2024,
    arxiv="2402.10797",
)

LIPKOVA = Paper(
    title=(
        "Personalized Radiotherapy Design for Glioblastoma: Integrating Mathematical Tumor Models, Multimodal Scans, "
        "and Bayesian Inference"
    ),
    authors=(
        "Jana Lipkova",
        "Panagiotis Angelikopoulos",
        "Stephen Wu",
        "Esther Alberts",
        "Benedikt Wiestler",
        "Christian Diehl",
        "Christine Preibisch",
        "Thomas Pyka",
        "Stephanie E. Combs",
        "Panagiotis Hadjidoukas",
        "Koen Van Leemput",
        "Petros Koumoutsakos",
        "John Lowengrub",
        "Bjoern Menze",
    ),
    year=2019,
    arxiv="1807.00499",
    venue="IEEE Transactions on Medical Imaging",
)

LEARN_MORPH_INFER = Paper(
    title="Learn-Morph-Infer: a new way of solving the inverse problem for brain tumor modeling",
    authors=(
        "Ivan Ezhov",
        "Kevin Scibilia",
        "Katharina Franitza",
        "Felix Steinbauer",
        "Suprosanna Shit",
        "Lucas Zimmer",
        "Jana Lipkova",
        "Florian Kofler",
        "Johannes C. Paetzold",
        "Luca Canalini",
        "Diana Waldmannstetter",
        "Martin J. Menten",
        "Marie Metz",
        "Benedikt Wiestler",
        "Bjoern Menze",
    ),
    year=2023,
    arxiv="2111.04090",
    venue="Medical Image Analysis",
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
