"""A Wasserstein GAN with gradient penalty against torch, and full solutions against scikit-fem and the submodel.

`python benchmarks/boundary_generator.py`. What is compared runs in turn in one process; medians are printed. Networks
have two hidden layers of 128 and 48 outputs, batches 64 rows, and each step five updates of the critic; both programs
draw rows and noise anew for each update.
"""

import importlib.metadata
from collections.abc import Callable

import jax
import numpy as np
import skfem
import torch
from skfem.helpers import ddot, sym_grad, trace

from _timing import medians
from perturbax import core, nn, rom, systems

LATENT, WIDTH, SIZE, BATCH, CRITIC_STEPS, PENALTY = 16, 128, 48, 64, 5, 10.0


class TorchGAN:
    """The same training in torch, as public code writes it."""

    def __init__(self, u: np.ndarray, p: np.ndarray):
        def network(inputs: int, outputs: int) -> torch.nn.Sequential:
            layers = [torch.nn.Linear(inputs, WIDTH), torch.nn.LeakyReLU(0.2), torch.nn.Linear(WIDTH, WIDTH)]
            return torch.nn.Sequential(*layers, torch.nn.LeakyReLU(0.2), torch.nn.Linear(WIDTH, outputs))

        self.u, self.p = torch.from_numpy(u), torch.from_numpy(p)
        self.generator, self.critic = network(LATENT + 1, SIZE), network(SIZE + 1, 1)
        self.optimizers = [torch.optim.Adam(m.parameters(), 2e-4, (0.0, 0.9)) for m in (self.generator, self.critic)]

    def drawn(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        rows = torch.randint(0, len(self.u), (BATCH,))
        p = self.p[rows]
        return self.u[rows], p, self.generator(torch.cat([torch.randn(BATCH, LATENT), p], 1))

    def judge(self, u: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        return self.critic(torch.cat([u, p], 1))

    def steps(self, count: int) -> None:
        for _ in range(count):
            for _ in range(CRITIC_STEPS):
                with torch.no_grad():
                    u, p, fake = self.drawn()
                e = torch.rand(BATCH, 1)
                mixed = (e * u + (1.0 - e) * fake).requires_grad_()
                (slope,) = torch.autograd.grad(self.judge(mixed, p).sum(), mixed, create_graph=True)
                penalty = ((slope.square().sum(1) + 1e-12).sqrt() - 1.0).square().mean()
                loss = self.judge(fake, p).mean() - self.judge(u, p).mean() + PENALTY * penalty
                self.optimizers[1].zero_grad()
                loss.backward()
                self.optimizers[1].step()
            _, p, fake = self.drawn()
            loss = -self.judge(fake, p).mean()
            self.optimizers[0].zero_grad()
            loss.backward()
            self.optimizers[0].step()


def of_training(steps: int = 200) -> None:
    random = np.random.default_rng(0)
    u, p = (random.normal(size=(800, size)).astype(np.float32) for size in (SIZE, 1))
    keys = jax.random.split(jax.random.key(0), 3)
    generator = nn.ConditionalMLP(LATENT, 1, (WIDTH, WIDTH), SIZE, key=keys[0])
    critic = nn.ConditionalMLP(SIZE, 1, (WIDTH, WIDTH), None, key=keys[1])
    game = nn.WassersteinGP(LATENT, PENALTY)

    def ours() -> None:
        nn.fit_gan(game, generator, critic, u, p, steps=steps, key=keys[2], learning_rate=2e-4, progress=False)

    theirs = TorchGAN(u, p)
    took = medians({"ours": ours, "torch": lambda: theirs.steps(steps)}, repeats=3)
    each = {name: 1e3 * seconds / steps for name, seconds in took.items()}
    print(
        f"WGAN-GP, {WIDTH} x {WIDTH}, {CRITIC_STEPS} critic updates a step: ours {each['ours']:.2f} ms, torch "
        f"{torch.__version__} {each['torch']:.2f} ms a step, ratio {each['torch'] / each['ours']:.1f} (wanted 3)"
    )


def by_skfem(cells: int) -> Callable[[], np.ndarray]:
    """A plate with a modulus that is new in every solve, assembled and solved by scikit-fem."""
    line = np.linspace(0.0, 1.0, cells + 1)
    mesh = skfem.MeshQuad.init_tensor(line, line)
    basis = skfem.Basis(mesh, skfem.ElementVector(skfem.ElementQuad1()), intorder=2)
    edge = skfem.FacetBasis(mesh, basis.elem, facets=mesh.facets_satisfying(lambda x: x[0] == 1.0))
    fixed = basis.get_dofs(lambda x: x[0] == 0.0).all()
    nu, random = 0.3, np.random.default_rng(0)

    @skfem.BilinearForm
    def stiffness(u, v, w):
        strain = sym_grad(u)
        other = sym_grad(v)
        return w.young / (1.0 - nu**2) * ((1.0 - nu) * ddot(strain, other) + nu * trace(strain) * trace(other))

    @skfem.LinearForm
    def pull(v, w):
        return v[0]

    force = pull.assemble(edge)

    def solve() -> np.ndarray:
        young = random.uniform(0.02, 1.0, basis.dx.shape)
        matrix = stiffness.assemble(basis, young=young)
        return skfem.solve(*skfem.condense(matrix, force, D=fixed))

    return solve


def of_solutions(cells: int = 20, count: int = 1000) -> None:
    plate, key = systems.SoftHolePlate(cells), jax.random.key(0)
    zone = rom.LinearSubmodel.of_body(plate.submodel(), plate.submodel_rim)
    solved = plate.sample(key, 100)
    problem = rom.SubmodelProblem(solved.traces, solved.load, zone)
    network = rom.boundary_generator(problem, rom.WGANGP(steps=1), key=key, progress=False)

    def submodel() -> None:
        traces = network.generate(key, n=count)
        zone.energy(traces)
        zone.displacement(traces)

    theirs = by_skfem(cells)
    took = medians(
        {
            "ours": lambda: plate.sample(key, 20),
            "skfem": lambda: [theirs() for _ in range(20)],
            "submodel": submodel,
        }
    )
    full, other, online = 1e3 * took["ours"] / 20, 1e3 * took["skfem"] / 20, 1e3 * took["submodel"] / count
    version = importlib.metadata.version("scikit-fem")
    print(
        f"a full solution, {cells} x {cells} cells: ours {full:.2f} ms, scikit-fem {version} {other:.2f} ms, ratio "
        f"{other / full:.1f}; a generated trace with the solution of the submodel {1e3 * online:.1f} us, "
        f"1/{full / online:.0f} of a full one (wanted 1/20)"
    )


def of_draws() -> None:
    """A draw and its strain energy take the same time however many there are."""
    random = np.random.default_rng(0)
    problem = rom.SubmodelProblem(random.normal(size=(400, SIZE)), random.normal(size=(400, 1)))
    network = rom.boundary_generator(problem, rom.WGANGP(steps=1), key=jax.random.key(0), progress=False)
    sizes = (4096, 16_384, 65_536, 262_144)
    took = medians({str(n): lambda n=n: network.generate(jax.random.key(1), n=n) for n in sizes}, repeats=3)
    print("us a draw:", ", ".join(f"{1e6 * took[str(n)] / n:.2f} of {n}" for n in sizes))


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", UserWarning)  # networks that are not trained
    core.enable_compilation_cache()
    torch.manual_seed(0)
    # Threads of torch wait for each other on matrices this small.
    torch.set_num_threads(1)
    of_training()
    of_solutions()
    of_draws()
