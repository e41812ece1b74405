"""Verdicts against exact answers: grids, mixed integer programs, closed forms; limits, checkpoints and bad problems."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from perturbax import interop, nn, verify
from perturbax.core import float64
from perturbax.verify import _branch_and_bound

from .exact import least

KEY = jax.random.key(0)
LOWER, UPPER = -np.ones(2), np.ones(2)
# Small batches compile the same program, and leave work for the next one.
QUICK = {"batch_size": 16, "starts": 2, "attack_steps": 2, "seconds": 100.0}
INPUTS, ACTIVATIONS = verify.InputSplitting(**QUICK), verify.ActivationSplitting(**QUICK)
BOTH = pytest.mark.parametrize("method", [INPUTS, ACTIVATIONS], ids=lambda method: type(method).__name__)

ONE_SLOW = pytest.mark.parametrize(
    "method", [pytest.param(INPUTS, id="inputs"), pytest.param(ACTIVATIONS, id="activations", marks=pytest.mark.slow)]
)


def network(seed, inputs=2):
    net = nn.MLP(inputs, (6, 6), 3, key=jax.random.key(seed), activation=jax.nn.relu)
    # Without biases all ReLUs of the network bend in one point.
    biases = [0.3 * jax.random.normal(jax.random.key(i), layer.bias.shape) for i, layer in enumerate(net.layers)]
    return eqx.tree_at(lambda net: [layer.bias for layer in net.layers], net, biases)


def classifier():
    net = nn.MLP(64, (16, 16), 10, key=jax.random.key(7), activation=jax.nn.relu)
    return eqx.tree_at(lambda net: net.layers[-1].weight, net, 2.0 * net.layers[-1].weight)


def total(x):
    return (x[0] + x[1])[None]


def decide(f, prop, method, **options):
    return verify.verify(verify.Verification(f, prop, **options), method, key=KEY)


def check_witness(f, prop, verdict):
    assert prop.violated(verdict.counterexample, verdict.output)
    with float64():
        y = f(jnp.asarray(verdict.counterexample))
    np.testing.assert_allclose(verdict.output, np.asarray(y), rtol=1e-6)


class TestExactAnswers:
    """No verdict is wrong, however close the question is to the answer."""

    @BOTH
    @pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
    def test_a_threshold_beside_the_least_margin(self, method, seed):
        net, weights = network(seed), np.array([1.0, -1.0, 0.5])
        exact = least(net, weights, LOWER, UPPER)
        for gap, status in ((-1e-4, "verified"), (1e-4, "falsified"), (-1.0, "verified"), (1.0, "falsified")):
            prop = verify.unsafe_box(LOWER, UPPER, weights[None], [exact + gap])
            verdict = decide(net, prop, method)
            assert verdict.status == status, verdict
            if status == "falsified":
                check_witness(net, prop, verdict)
            else:
                assert (verdict.stats["open"], verdict.stats["proved"]) == (0, 1.0)

    @ONE_SLOW
    def test_a_conjunction_can_be_impossible_though_each_of_its_rows_is_possible(self, method):
        net = network(5)
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 201)] * 2), -1).reshape(-1, 2).astype(np.float32)
        y = np.asarray(jax.vmap(net)(grid), np.float64)
        # Where is the second output small while the first is large?
        weights = np.array([[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        first = np.quantile(y[:, 0], 0.9)
        second = y[y[:, 0] >= first, 1].min()
        assert y[:, 1].min() < second - 0.1  # possible alone
        for gap, status in ((-0.05, "verified"), (0.01, "falsified")):
            prop = verify.unsafe_box(LOWER, UPPER, weights, [-first, second + gap])
            assert decide(net, prop, method).status == status

    @ONE_SLOW
    def test_alternatives_regions_and_rows_of_inputs(self, method, tmp_path):
        """The function is `|x_0| + |x_1|` and the answers are known."""

        def f(x):
            return jnp.abs(x).sum(keepdims=True)

        text = "(declare-const X_0 Real) (declare-const X_1 Real) (declare-const Y_0 Real)"
        text += "(assert (or (and (<= -1 X_0) (<= X_0 -0.5)) (and (<= 0.5 X_0) (<= X_0 1))))"
        text += "(assert (<= -1 X_1)) (assert (<= X_1 1))"
        for assertion, status in {
            "(or (<= Y_0 0.49) (>= Y_0 2.01))": "verified",
            "(or (<= Y_0 0.49) (>= Y_0 1.99))": "falsified",
            "(and (<= Y_0 0.8) (>= (+ X_0 X_1) 0.81))": "verified",  # x_0 + x_1 <= |x_0| + |x_1|
            "(and (<= Y_0 0.8) (>= (+ X_0 X_1) 0.79))": "falsified",
        }.items():
            (tmp_path / "a.vnnlib").write_text(f"{text}(assert {assertion})")
            prop = interop.read_vnnlib(tmp_path / "a.vnnlib")
            assert len(prop.regions) == 2
            verdict = decide(f, prop, method)
            assert verdict.status == status, (assertion, verdict)
            if status == "falsified":
                check_witness(f, prop, verdict)

    def test_functions_that_are_not_piecewise_linear(self):
        def f(x):
            return jnp.stack([jnp.sin(3.0 * x[0]) * jnp.tanh(x[1]), x[0] ** 2])

        # The least value of the first output on the box is -tanh(1), at x_0 = pi / 6.
        for gap, status in ((-1e-3, "verified"), (1e-3, "falsified")):
            prop = verify.unsafe_box(LOWER, UPPER, [[1.0, 0.0]], [-np.tanh(1.0) + gap])
            assert decide(f, prop, INPUTS).status == status

    @pytest.mark.slow
    def test_elements_cannot_be_split_where_there_are_none(self):
        # Bounds of the whole box are too loose, and there is nothing to split.
        prop = verify.unsafe_box(LOWER, UPPER, [[1.0]], [-0.51])
        verdict = decide(lambda x: (jnp.sin(2.0 * x[0]) * jnp.cos(2.0 * x[0]))[None], prop, ACTIVATIONS)
        assert (verdict.status, verdict.reason) == ("unknown", "1 subdomain can neither be split nor decided")
        assert verdict.stats["proved"] == 0.0

    @pytest.mark.slow
    def test_robustness_of_a_classifier_agrees_with_a_program_for_each_other_class(self):
        """Eight by eight pixels, nine alternatives, boxes around a picture from safe to unsafe."""
        net, x = classifier(), np.full(64, 0.5)
        label = int(net(jnp.asarray(x, jnp.float32)).argmax())
        seen = set()
        for radius in (0.01, 0.03, 0.06, 0.12):
            rows = np.asarray(verify.margins(label, 10), np.float64)
            exact = min(least(net, row, x - radius, x + radius) for row in rows)
            assert abs(exact) > 1e-4
            prop = verify.misclassified((x - radius).reshape(8, 8), (x + radius).reshape(8, 8), label, 10)
            verdict = decide(net, prop, verify.ActivationSplitting(batch_size=16, seconds=100.0))
            assert verdict.status == ("verified" if exact > 0 else "falsified")
            seen.add(verdict.status)
        assert len(seen) == 2

    @pytest.mark.slow
    def test_interval_arithmetic_alone_is_enough_for_input_splitting(self):
        prop = verify.unsafe_box([0.0], [1.0], [[1.0]], [-0.26])
        assert decide(lambda x: x**2 - x, prop, verify.InputSplitting(verify.IBP(), **QUICK)).status == "verified"
        prop = verify.unsafe_box([0.0], [1.0], [[1.0]], [-0.249])
        assert decide(lambda x: x**2 - x, prop, verify.InputSplitting(verify.IBP(), **QUICK)).status == "falsified"

    @pytest.mark.slow
    @BOTH
    @pytest.mark.parametrize("seed", range(30))
    def test_many_networks_of_more_inputs(self, method, seed):
        # The boxes near a least value multiply with the inputs.
        inputs = 2 + seed % (2 if method is INPUTS else 4)
        net, lower = network(100 + seed, inputs), np.full(inputs, -0.5)
        weights = np.random.default_rng(seed).standard_normal(3)
        exact = least(net, weights, lower, -lower)
        for gap, status in ((-1e-3, "verified"), (1e-3, "falsified")):
            prop = verify.unsafe_box(lower, -lower, weights[None], [exact + gap])
            assert decide(net, prop, method).status == status


class TestWitnesses:
    """What is said to be a counterexample is one."""

    def test_it_is_inside_of_the_box_and_a_float32_where_the_box_allows(self):
        lower, upper = np.array([0.1, 1 / 3]), np.array([0.3, 1 / 3])
        prop = verify.unsafe_box(lower, upper, [[-1.0]], [-0.4])
        found = decide(total, prop, INPUTS).counterexample
        assert np.all((lower <= found) & (found <= upper))  # no float32 is 1 / 3
        upper[1] = 0.34
        found = decide(total, verify.unsafe_box(lower, upper, [[-1.0]], [-0.4]), INPUTS).counterexample
        np.testing.assert_array_equal(found, found.astype(np.float32))

    @BOTH
    def test_it_is_none_when_the_original_disagrees(self, method):
        net, prop = network(0), verify.unsafe_box(LOWER, UPPER, [[1.0, 0.0, 0.0]], [100.0])
        seen = []

        def original(x):
            seen.append(x)
            return np.full(3, 1e6)

        assert decide(net, prop, method).status == "falsified"
        few = type(method)(**{**QUICK, "memory": 1e-9})
        assert decide(net, prop, few, original=original).status == "unknown"
        assert seen[0].shape == (2,)

    def test_a_box_that_is_a_point_is_decided_by_its_value(self):
        point = np.array([0.25, 0.5])
        for offset, status in ((0.74, "verified"), (0.76, "falsified")):
            prop = verify.unsafe_box(point, point, [[1.0]], [offset])
            assert decide(total, prop, INPUTS).status == status


class TestLimits:
    """A search that stops says why, and can go on."""

    HARD = verify.unsafe_box(LOWER, UPPER, [[1.0, -1.0, 0.5]], [-50.0])

    @BOTH
    @pytest.mark.parametrize(("limit", "said"), [("seconds", "the time limit of 1e-09 s"), ("memory", "MiB")])
    def test_unknown_has_a_reason(self, method, limit, said):
        net = network(1)
        exact = least(net, np.array([1.0, -1.0, 0.5]), LOWER, UPPER)
        prop = verify.unsafe_box(LOWER, UPPER, [[1.0, -1.0, 0.5]], [exact - 1e-4])
        verdict = decide(net, prop, type(method)(**{**QUICK, limit: 1e-9}))
        assert verdict.status == "unknown"
        assert said in verdict.reason
        assert verdict.stats["open"] > 0
        assert 0.0 <= verdict.stats["proved"] < 1.0

    @ONE_SLOW
    def test_a_checkpoint_goes_on_to_the_same_end(self, method, tmp_path, monkeypatch):
        net, path = network(2), tmp_path / "search.npz"
        weights = np.array([1.0, -1.0, 0.5])
        exact = least(net, weights, LOWER, UPPER)
        problem = verify.Verification(net, verify.unsafe_box(LOWER, UPPER, weights[None], [exact - 1e-4]))
        whole = verify.verify(problem, method, key=KEY)
        assert whole.stats["evaluations"] > 16
        calls = []

        def interrupted(*arguments):
            calls.append(arguments)
            if len(calls) % 3 == 0:
                raise KeyboardInterrupt
            return pop(*arguments)

        pop = _branch_and_bound._pop
        monkeypatch.setattr(_branch_and_bound, "_pop", interrupted)
        verdict, tries = None, 0
        while verdict is None and tries < 200:
            tries += 1
            try:
                verdict = verify.verify(problem, method, key=KEY, checkpoint=path)
            except KeyboardInterrupt:
                assert path.exists()
        assert verdict is not None
        assert tries > 1
        assert verdict.status == whole.status == "verified"
        assert verdict.stats["evaluations"] == whole.stats["evaluations"]
        assert not path.exists()

    def test_a_checkpoint_of_another_problem_or_a_damaged_one_is_refused(self, tmp_path):
        path = tmp_path / "search.npz"
        stopped = verify.InputSplitting(**{**QUICK, "seconds": 1e-9})
        first = verify.Verification(network(1), verify.unsafe_box(LOWER, UPPER, [[1.0, 0.0, 0.0]], [-9.0]))
        assert verify.verify(first, stopped, key=KEY, checkpoint=path).status == "unknown"
        other = verify.Verification(network(2), first.property)
        with pytest.raises(ValueError, match="is of another problem or method"):
            verify.verify(other, INPUTS, key=KEY, checkpoint=path)
        surer = verify.InputSplitting(**QUICK, margin=1e-6)
        with pytest.raises(ValueError, match="is of another problem or method"):
            verify.verify(first, surer, key=KEY, checkpoint=path)
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(ValueError, match="damaged"):
            verify.verify(first, INPUTS, key=KEY, checkpoint=path)


def test_the_search_compiles_once_for_all_properties_and_weights_of_a_shape():
    from perturbax.verify._bound import _bound
    from perturbax.verify.input_splitting import _inspect

    method = verify.InputSplitting(**{**QUICK, "batch_size": 5})
    sizes = []
    for seed in range(3):
        decide(network(seed), verify.unsafe_box(LOWER, UPPER, np.eye(3)[:1], [-100.0 - seed]), method)
        sizes.append([function._cached._cache_size() for function in (_bound, _inspect)])
    assert sizes[0] == sizes[1] == sizes[2]


class TestBadProblems:
    """Each error names what does not fit."""

    @pytest.mark.parametrize(
        ("change", "error", "said"),
        [
            ({"f": 3}, TypeError, "f"),
            ({"shape": (3,)}, ValueError, r"shape must have 2 elements, the inputs of the property, got \(3,\)"),
            ({"f": lambda x: x[:1]}, ValueError, "f must return one array of 3 elements, like the property"),
            ({"f": lambda x: (x, x)}, ValueError, "f must return one array of 3 elements, like the property"),
            ({"property": 3}, TypeError, "property"),
        ],
    )
    def test_of_a_verification(self, change, error, said):
        prop = verify.unsafe_box(LOWER, UPPER, [[1.0, 0.0, 0.0]], [0.0])
        with pytest.raises(error, match=said):
            verify.Verification(**{"f": network(0), "property": prop, **change})

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (([1.0], [0.0], [[1.0]], [0.0]), "lower must be <= upper"),
            (([0.0], [1.0, 2.0], [[1.0]], [0.0]), r"upper must have shape \(1,\)"),
            (([0.0], [1.0], [1.0], [0.0]), "weights must have 2 axes"),
            (([0.0], [1.0], [[1.0]], [0.0, 1.0]), r"offsets must have shape \(1,\)"),
            (([0.0], [1.0], [[np.inf]], [0.0]), "weights must be finite"),
        ],
    )
    def test_of_an_unsafe_box(self, arguments, said):
        with pytest.raises(ValueError, match=said):
            verify.unsafe_box(*arguments)

    @pytest.mark.parametrize(
        ("cls", "change", "said"),
        [
            (verify.InputSplitting, {"batch_size": 0}, "batch_size"),
            (verify.InputSplitting, {"bounds": 3}, "bounds"),
            (verify.ActivationSplitting, {"steps": 0}, "steps"),
            (verify.ActivationSplitting, {"learning_rate": 0.0}, "learning_rate"),
            (verify.ActivationSplitting, {"seconds": 0.0}, "seconds"),
            (verify.ActivationSplitting, {"memory": -1.0}, "memory"),
        ],
    )
    def test_of_a_method(self, cls, change, said):
        with pytest.raises((TypeError, ValueError), match=said):
            cls(**change)

    def test_a_function_with_float32_inside_is_told_how_to_pass_its_arrays(self):
        kernel = np.ones((1, 1, 2), np.float32)

        def f(x):
            return jax.lax.conv_general_dilated(x[None, None], jnp.asarray(kernel), (1,), "VALID").ravel()

        with pytest.raises(TypeError, match=r"f must take a float64 array of shape \(2,\).*jax\.tree_util\.Partial"):
            verify.Verification(f, verify.unsafe_box(LOWER, UPPER, [[1.0]], [0.0]))
