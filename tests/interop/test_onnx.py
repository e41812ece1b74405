"""Networks of ONNX files: every operator against onnxruntime, the function that they become, and what is refused."""

import gzip
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from perturbax import interop
from perturbax.core import float64

from .onnx_graphs import answers, by_name, make_model, make_node, read

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 3, 6, 7)).astype(np.float32)
W = RNG.standard_normal((4, 3, 3, 2)).astype(np.float32)
INDICES = np.array([2, -1, 0], np.int64)


def integers(*values):
    return np.asarray(values, np.int64)


UNARY = re.findall(
    r"\w+",
    """Abs Atan Asinh Ceil Celu Cos Cosh Elu Erf Exp Floor HardSigmoid HardSwish Identity IsInf IsNaN LeakyRelu Mish Neg
    Not Relu Round Selu Sigmoid Sign Sin Sinh Softplus Softsign Tan Tanh ThresholdedRelu""",
)
POSITIVE = ["Log", "Sqrt", "Reciprocal", "Acosh"]
INSIDE = ["Acos", "Asin", "Atanh"]
BINARY = re.findall(r"\w+", "Add Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul PRelu Sub Sum")
REDUCTIONS = ["Max", "Mean", "Min", "Prod", "L1", "L2", "LogSumExp", "SumSquare"]
TENSORS = {
    "W": W,
    "b": RNG.standard_normal(4).astype(np.float32),
    "V": RNG.standard_normal((3, 2, 3, 2)).astype(np.float32),
    "D": RNG.standard_normal((3, 1, 2, 2)).astype(np.float32),
    "scale": RNG.random(3).astype(np.float32) + 0.5,
    "shift": RNG.standard_normal(3).astype(np.float32),
    "width": RNG.random(7).astype(np.float32) + 0.5,
    "M": RNG.standard_normal((7, 5)).astype(np.float32),
    "row": RNG.standard_normal(5).astype(np.float32),
    "indices": INDICES,
    "divisors": integers(3, -2, 5),
    "pads": integers(0, 0, 1, 2, 0, 0, 2, 1),
    "crop": integers(0, 0, -1, 0, 0, 0, 0, -2),
    "seven": np.float32(7.0),
    "zero": integers(0),
    "last": np.asarray(-1, np.int64),
    "axes": integers(2, 3),
    "starts": integers(-1, 1),
    "ends": integers(-100, 6),
    "steps": integers(-2, 2),
    "shape": integers(0, -1, 7),
    "sizes": integers(2, 1),
    "repeats": integers(1, 2, 1, 1),
    "broad": integers(5, 1, 3, 1, 1),
    "low": np.float32(-0.5),
    "cube": np.float32(3.0),
    "root": np.float32(0.5),
    "none": np.zeros(0, np.float32),
    "scales": np.array([1, 1, 2, 1.5], np.float32),
    "larger": integers(2, 3, 9, 11),
    "places": integers(*([[[[1]] * 6] * 3] * 2)).repeat(2, -1),
    "pairs": integers([0, 1], [1, 2]),
    "updates": RNG.standard_normal((2, 6, 7)).astype(np.float32),
}


def operator_nodes():
    """One output for each operator or variant of it, named after it."""
    nodes = [make_node("Abs", "x", "a"), make_node("Add", "a one", "positive"), make_node("Tanh", "x", "inside")]
    nodes += [make_node("Constant", "", "one", value_float=1.0), make_node("Greater", "x inside", "truth")]
    nodes = nodes[:1] + nodes[3:4] + nodes[1:3] + nodes[4:]
    made = [*(make_node(name, "truth" if name == "Not" else "x", f"{name}:") for name in UNARY)]
    made += [make_node(name, "positive", f"{name}:") for name in POSITIVE]
    made += [make_node(name, "inside", f"{name}:") for name in INSIDE]
    made += [make_node(name, "x inside", f"{name}:") for name in BINARY]
    made += [make_node(name, "truth truth", f"{name}:") for name in ("And", "Or", "Xor")]
    made += [make_node(f"Reduce{name}", "x axes", f"Reduce{name}:") for name in REDUCTIONS]
    made += [
        make_node("ReduceMax", "x", "ReduceMax:all", keepdims=0),
        make_node("ReduceSum", "x axes", "ReduceSum:", keepdims=0),
        make_node("ReduceSum", "x", "ReduceSum:none", noop_with_empty_axes=1),
        make_node("ReduceLogSum", "positive axes", "ReduceLogSum:"),
        make_node("ArgMax", "x", "ArgMax:", axis=2),
        make_node("ArgMax", "x", "ArgMax:last", axis=-1, keepdims=0, select_last_index=1),
        make_node("ArgMin", "x", "ArgMin:"),
        make_node("Softmax", "x", "Softmax:", axis=1),
        make_node("LogSoftmax", "x", "LogSoftmax:"),
        make_node("Hardmax", "x", "Hardmax:", axis=2),
        make_node("Pow", "x cube", "Pow:integer"),
        make_node("Pow", "positive root", "Pow:root"),
        make_node("Pow", "positive inside", "Pow:array"),
        make_node("Mod", "x inside", "Mod:fmod", fmod=1),
        make_node("Mod", "indices divisors", "Mod:"),
        make_node("Clip", "x low", "Clip:"),
        make_node("Where", "truth x inside", "Where:"),
        make_node("Cast", "truth", "Cast:", to=TensorProto.FLOAT),
        make_node("CastLike", "truth x", "CastLike:"),
        make_node("Dropout", "x", "Dropout:"),
        make_node("MatMul", "x M", "MatMul:"),
        make_node("Flatten", "x", "flat", axis=3),
        make_node("Gemm", "flat M row", "Gemm:", alpha=0.5, beta=2.0),
        make_node("Gemm", "M flat", "Gemm:transposed", transA=1, transB=1),
        make_node("Einsum", "x M", "Einsum:", equation="ncij,jk->nkc"),
        make_node("Conv", "x W b", "Conv:", strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2]),
        make_node("Conv", "x D", "Conv:depthwise", group=3, auto_pad="SAME_UPPER", strides=[2, 2]),
        make_node("Conv", "x W", "Conv:lower", auto_pad="SAME_LOWER"),
        make_node("ConvTranspose", "x V", "ConvTranspose:", strides=[2, 3], pads=[1, 0, 0, 1], output_padding=[1, 2]),
        make_node("ConvTranspose", "x D", "ConvTranspose:group", group=3, dilations=[2, 1]),
        make_node("ConvTranspose", "x V", "ConvTranspose:shape", strides=[2, 2], output_shape=[12, 13]),
        make_node("MaxPool", "x", "MaxPool:", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
        make_node("MaxPool", "x", "MaxPool:ceil", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, dilations=[1, 2]),
        make_node("AveragePool", "x", "AveragePool:", kernel_shape=[2, 3], strides=[1, 2], pads=[1, 1, 0, 1]),
        make_node("AveragePool", "x", "AveragePool:same", kernel_shape=[2, 3], auto_pad="SAME_UPPER"),
        make_node("AveragePool", "x", "AveragePool:ceil", kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1),
        make_node("AveragePool", "x", "AveragePool:pad", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        make_node("GlobalAveragePool", "x", "GlobalAveragePool:"),
        make_node("GlobalMaxPool", "x", "GlobalMaxPool:"),
        make_node("BatchNormalization", "x scale shift shift scale", "BatchNormalization:", epsilon=1e-3),
        make_node("InstanceNormalization", "x scale shift", "InstanceNormalization:"),
        make_node("LayerNormalization", "x width", "LayerNormalization:"),
        make_node("LRN", "x", "LRN:", size=3, alpha=0.1),
        make_node("Transpose", "x", "Transpose:", perm=[2, 0, 3, 1]),
        make_node("Transpose", "x", "Transpose:all"),
        make_node("Reshape", "x shape", "Reshape:"),
        make_node("Unsqueeze", "x axes", "Unsqueeze:"),
        make_node("Squeeze", "GlobalMaxPool: axes", "Squeeze:"),
        make_node("Concat", "x inside", "Concat:", axis=-1),
        make_node("Split", "x sizes", "Split:0 Split:1", axis=1),
        make_node("Slice", "x starts ends axes steps", "Slice:"),
        make_node("Gather", "x indices", "Gather:", axis=3),
        make_node("Gather", "x last", "Gather:one", axis=1),
        make_node("GatherElements", "x places", "GatherElements:", axis=2),
        make_node("GatherND", "x pairs", "GatherND:"),
        make_node("ScatterND", "x pairs updates", "ScatterND:"),
        make_node("Pad", "x pads seven", "Pad:"),
        make_node("Pad", "x crop", "Pad:crop"),
        make_node("Pad", "x pads", "Pad:edge", mode="edge"),
        make_node("Pad", "x pads", "Pad:reflect", mode="reflect"),
        make_node("Expand", "x broad", "Expand:"),
        make_node("Tile", "x repeats", "Tile:"),
        make_node("Trilu", "x last", "Trilu:lower", upper=0),
        make_node("CumSum", "x last", "CumSum:", exclusive=1, reverse=1),
        make_node("SpaceToDepth", "Pad:even", "SpaceToDepth:", blocksize=2),
        make_node("DepthToSpace", "SpaceToDepth:", "DepthToSpace:", blocksize=2),
        make_node("DepthToSpace", "SpaceToDepth:", "DepthToSpace:crd", blocksize=2, mode="CRD"),
        make_node("Resize", "x none scales", "Resize:nearest"),
        make_node("Resize", "x none none larger", "Resize:linear", mode="linear"),
        make_node("Resize", "x none scales", "Resize:cubic", mode="cubic"),
        make_node(
            "Resize", "x none scales", "Resize:corners", mode="linear", coordinate_transformation_mode="align_corners"
        ),
        make_node(
            "Resize",
            "x none scales",
            "Resize:floor",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
    ]
    even = make_node("Pad", "x even", "Pad:even")
    return nodes, [even, *made]


@pytest.fixture(scope="module")
def operators(tmp_path_factory):
    """Our results and those of onnxruntime for one graph with an output for every operator."""
    first, nodes = operator_nodes()
    names = [name for node in nodes for name in node.output if ":" in name]
    tensors = {**TENSORS, "even": integers(0, 0, 0, 0, 0, 0, 0, 1)}
    model = make_model([*first, *nodes], {"x": X}, names, tensors, opset=18)
    f, params = read(model, tmp_path_factory.mktemp("operators"))
    return by_name(f, jax.jit(f)(params, X)), answers(model, {"x": X})


@pytest.mark.parametrize("name", [name for node in operator_nodes()[1] for name in node.output if ":" in name])
def test_an_operator_equals_onnxruntime(operators, name):
    ours, theirs = (results[name] for results in operators)
    assert ours.shape == theirs.shape
    assert ours.dtype.kind == theirs.dtype.kind
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("operator", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_a_recurrent_operator_equals_onnxruntime(tmp_path, operator, direction):
    rng = np.random.default_rng(1)
    gates, count = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator], 1 + (direction == "bidirectional")
    shapes = {"W": (count, gates * 4, 3), "R": (count, gates * 4, 4), "B": (count, gates * 8), "h": (count, 2, 4)}
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    x = {"x": rng.standard_normal((5, 2, 3)).astype(np.float32)}
    node = helper.make_node(operator, ["x", "W", "R", "B", "", "h"], ["y", "last"], hidden_size=4, direction=direction)
    model = make_model([node], x, ["y", "last"], tensors)
    f, params = read(model, tmp_path)
    ours, theirs = by_name(f, f(params, x["x"])), answers(model, x)
    for name in theirs:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-5)


def test_a_gated_unit_with_the_reset_after_the_product_equals_onnxruntime(tmp_path):
    rng = np.random.default_rng(2)
    shapes = {"W": (1, 12, 3), "R": (1, 12, 4), "B": (1, 24)}
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    x = {"x": rng.standard_normal((3, 2, 3)).astype(np.float32)}
    model = make_model([make_node("GRU", "x W R B", "y", hidden_size=4, linear_before_reset=1)], x, ["y"], tensors)
    f, params = read(model, tmp_path)
    np.testing.assert_allclose(f(params, x["x"]), answers(model, x)["y"], rtol=1e-5, atol=1e-5)


OLD = [  # what operator sets before 13 wrote differently
    (9, make_node("Clip", "x", "y", min=-0.5, max=0.25), {}),
    (9, make_node("Slice", "x", "y", starts=[1, 0], ends=[3, 100], axes=[1, 3]), {}),
    (9, make_node("Pad", "x", "y", pads=[0, 0, 1, 0, 0, 0, 0, 2], value=2.0), {}),
    (9, make_node("Squeeze", "first", "y", axes=[0]), {"first": X[:1]}),
    (9, make_node("Unsqueeze", "x", "y", axes=[0]), {}),
    (9, make_node("Softmax", "x", "y", axis=2), {}),
    (9, make_node("Upsample", "x scales", "y", mode="linear"), {"scales": np.array([1, 1, 2, 3], np.float32)}),
    (8, make_node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 2.0]), {}),
    (10, make_node("Resize", "x scales", "y"), {"scales": np.array([1, 1, 2, 0.5], np.float32)}),
    (13, make_node("ReduceL2", "x", "y", axes=[1, -1], keepdims=0), {}),
    (11, make_node("Split", "x", "y z", axis=3, split=[3, 4]), {}),
    (18, make_node("Split", "x", "y z", axis=3, num_outputs=2), {}),
    (
        18,
        make_node("GroupNormalization", "x scale shift", "y", num_groups=3),
        {"scale": W[0, :, 0, 0], "shift": W[1, :, 0, 0]},
    ),
    (20, make_node("Gelu", "x", "y"), {}),
    (20, make_node("Gelu", "x", "y", approximate="tanh"), {}),
]


@pytest.mark.parametrize(("opset", "node", "tensors"), OLD, ids=lambda value: getattr(value, "op_type", None))
def test_operators_keep_the_meaning_of_their_version(tmp_path, opset, node, tensors):
    model = make_model([node], {"x": X}, list(node.output)[:1], tensors, opset=opset)
    f, params = read(model, tmp_path)
    np.testing.assert_allclose(f(params, X), answers(model, {"x": X})["y"], rtol=1e-5, atol=1e-5)


def test_shapes_are_computed_while_tracing(tmp_path):
    nodes = [
        make_node("Shape", "x", "shape"),
        make_node("Gather", "shape zero", "batch"),
        make_node("Unsqueeze", "batch zero", "batches"),
        make_node("Concat", "batches rest", "wanted", axis=0),
        make_node("Reshape", "x wanted", "flat"),
        make_node("Range", "none batch one", "range"),
        make_node("ConstantOfShape", "batches", "zeros"),
        make_node("Cast", "range", "floats", to=TensorProto.FLOAT),
        make_node("Add", "floats zeros", "column"),
        make_node("Unsqueeze", "column one_axis", "columns"),
        make_node("Add", "flat columns", "y"),
    ]
    tensors = {
        "zero": np.asarray(0, np.int64),
        "none": np.asarray(0, np.int64),
        "one": np.asarray(1, np.int64),
        "one_axis": integers(1),
        "rest": integers(-1),
    }
    nodes[2] = make_node("Unsqueeze", "batch zeros_axis", "batches")
    model = make_model(nodes, {"x": X}, ["y"], {**tensors, "zeros_axis": integers(0)}, free=("x",))
    f, params = read(model, tmp_path)
    assert params == {}
    assert f.inputs[0].shape == (None,) * 4
    for batch in (2, 1):
        x = X[:batch]
        np.testing.assert_allclose(jax.jit(f)(params, x), answers(model, {"x": x})["y"], rtol=1e-6)


def residual_model():
    """A small residual network with batch normalisation."""
    rng = np.random.default_rng(3)
    tensors = {
        "W": rng.standard_normal((4, 3, 3, 3)).astype(np.float32) / 3,
        "V": rng.standard_normal((4, 4, 3, 3)).astype(np.float32) / 3,
        **{name: rng.random(4).astype(np.float32) + 0.5 for name in ("scale", "shift", "mean", "variance")},
        "M": rng.standard_normal((4, 5)).astype(np.float32),
    }
    nodes = [
        make_node("Conv", "x W", "c", pads=[1, 1, 1, 1]),
        make_node("BatchNormalization", "c scale shift mean variance", "n"),
        make_node("Relu", "n", "r"),
        make_node("Conv", "r V", "d", pads=[1, 1, 1, 1]),
        make_node("Add", "d n", "s"),
        make_node("Relu", "s", "t"),
        make_node("GlobalAveragePool", "t", "g"),
        make_node("Flatten", "g", "f"),
        make_node("MatMul", "f M", "y"),
    ]
    return make_model(nodes, {"x": X}, ["y"], tensors, free=("x",))


@pytest.fixture(scope="module")
def residual(tmp_path_factory):
    model = residual_model()
    return model, *read(model, tmp_path_factory.mktemp("residual"))


class TestTheFunction:
    """What `read_onnx` returns."""

    def test_it_is_pure_and_transforms(self, residual):
        model, f, params = residual
        plain = jax.jit(f)(params, X)
        np.testing.assert_allclose(plain, answers(model, {"x": X})["y"], rtol=1e-5, atol=1e-5)
        each = jax.jit(jax.vmap(f, (None, 0)))(params, X[:, None])
        np.testing.assert_allclose(each[:, 0], plain, rtol=1e-5, atol=1e-6)
        gradient = jax.grad(lambda p: f(p, X)[0, 2])(params)["M"]
        assert np.count_nonzero(np.asarray(gradient)[:, 2]) > 0
        assert np.count_nonzero(np.asarray(gradient)[:, [0, 1, 3, 4]]) == 0

    def test_equal_graphs_are_compiled_once(self, residual, tmp_path):
        model, f, params = residual
        other = onnx.ModelProto()
        other.CopyFrom(model)
        weights = next(tensor for tensor in other.graph.initializer if tensor.name == "M")
        weights.CopyFrom(numpy_helper.from_array(2 * numpy_helper.to_array(weights), "M"))
        g, doubled = read(other, tmp_path)
        assert (f, hash(f)) == (g, hash(g))
        apply = jax.jit(lambda f, params, x: f(params, x), static_argnums=0)
        np.testing.assert_allclose(2 * apply(f, params, X), apply(g, doubled, X), rtol=1e-6)
        assert apply._cache_size() == 1
        other.graph.node[0].attribute[0].ints[:] = [0, 0, 0, 0]
        assert read(other, tmp_path)[0] != f

    def test_its_jaxpr_has_ordinary_primitives_only(self, residual):
        _, f, params = residual
        names = {equation.primitive.name for equation in jax.make_jaxpr(f)(params, X).eqns}
        ordinary = "conv_general_dilated max add mul sub rsqrt dot_general reduce_sum div reshape broadcast_in_dim"
        assert names <= {*ordinary.split(), "convert_element_type", "jit", "squeeze"}

    def test_it_knows_names_shapes_and_parameters(self, residual):
        _, f, params = residual
        assert f.inputs == (interop.OnnxValue("x", (None,) * 4, np.dtype(np.float32)),)
        assert [(value.name, value.shape) for value in f.outputs] == [("y", (None, 5))]
        assert sorted(params) == ["M", "V", "W", "mean", "scale", "shift", "variance"]

    def test_it_computes_in_float64_under_float64(self, residual):
        _, f, params = residual
        wide = {name: np.asarray(value, np.float64) for name, value in params.items()}
        with float64():
            y = f(wide, X.astype(np.float64))
            assert y.dtype == np.float64
            kernel = wide["W"] + 1e-12
            assert not np.array_equal(f({**wide, "W": kernel}, X.astype(np.float64)), y)
            np.testing.assert_allclose(f(params, X.astype(np.float64)), y, rtol=1e-6)  # float32 weights are widened
        np.testing.assert_allclose(np.asarray(y), f(params, X), rtol=1e-5, atol=1e-6)

    def test_float64_parameters_are_kept_under_float64_and_warned_about_without(self, tmp_path):
        x, w = np.ones((1, 2)), np.full((2, 1), 1 / 3)
        model = make_model([make_node("MatMul", "x w", "y")], {"x": x}, ["y"], {"w": w})
        with pytest.warns(UserWarning, match="w is in float64"):
            _, params = read(model, tmp_path)
        assert params["w"].dtype == np.float32
        with float64():
            f, params = interop.read_onnx(tmp_path / "model.onnx")
            assert float(f(params, x)[0, 0]) == 2 / 3

    def test_a_branch_is_chosen_by_an_integer_that_is_known(self, tmp_path):
        branches = [
            helper.make_graph([make_node(op, "x", op)], op, [], [helper.ValueInfoProto(name=op)])
            for op in ("Exp", "Neg")
        ]
        choose = helper.make_node("If", ["condition"], ["y"], then_branch=branches[0], else_branch=branches[1])
        inputs = {"x": X[0, 0], "n": np.asarray(3, np.int64)}
        nodes = [make_node("Equal", "n three", "condition"), choose]
        model = make_model(nodes, inputs, ["y"], {"three": np.asarray(3, np.int64)})
        f, params = read(model, tmp_path)
        np.testing.assert_allclose(jax.jit(lambda x: f(params, x, 3))(inputs["x"]), np.exp(inputs["x"]), rtol=1e-6)
        np.testing.assert_array_equal(f(params, inputs["x"], 4), -inputs["x"])
        with pytest.raises(ValueError, match=r"node 1 that makes 'y' \(If\): the condition must be known"):
            jax.jit(f)(params, inputs["x"], 3)

    @pytest.mark.parametrize(
        ("inputs", "error", "said"),
        [
            ((), TypeError, r"inputs must be 1 arrays \(x\), got 0"),
            ((X[0],), ValueError, r"input x must have shape \(any, any, any, any\), got \(3, 6, 7\)"),
            ((X.astype(np.int32),), TypeError, "input x must be float32, got int32"),
        ],
    )
    def test_inputs_that_do_not_fit_are_refused(self, residual, inputs, error, said):
        _, f, params = residual
        with pytest.raises(error, match=said):
            f(params, *inputs)


class TestWhatIsRefused:
    """Files that are not read, by what is wrong with them."""

    @pytest.mark.parametrize("content", [b"", b"no graph", np.random.default_rng(0).bytes(500)])
    def test_foreign_files(self, tmp_path, content):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.onnx is damaged or no ONNX file"):
            interop.read_onnx(tmp_path / "a.onnx")

    def test_a_packed_file_that_is_cut_short(self, tmp_path):
        content = gzip.compress(residual_model().SerializeToString(), mtime=0)
        (tmp_path / "a.onnx.gz").write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=r"a\.onnx\.gz is damaged .* it is no intact gzip file"):
            interop.read_onnx(tmp_path / "a.onnx.gz")

    def test_a_file_that_is_cut_short(self, tmp_path):
        content = residual_model().SerializeToString()
        (tmp_path / "a.onnx").write_bytes(content[: len(content) // 2])
        with pytest.raises(ValueError, match=r"a\.onnx is damaged or no ONNX file"):
            interop.read_onnx(tmp_path / "a.onnx")

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"a\.onnx"):
            interop.read_onnx(tmp_path / "a.onnx")

    def test_an_unknown_operator_is_named_with_its_node_and_a_remedy(self, tmp_path):
        node = helper.make_node("NonZero", ["x"], ["y"], name="find")
        with pytest.raises(ValueError, match=r"operator NonZero of node 0 'find' is not supported; .*extract_model"):
            read(make_model([node], {"x": X}, ["y"]), tmp_path)

    def test_an_operator_of_another_domain_is_named_with_it(self, tmp_path):
        node = helper.make_node("FusedConv", ["x"], ["y"], domain="com.microsoft")
        model = make_model([make_node("Relu", "x", "y")], {"x": X}, ["y"])
        model.graph.node[0].CopyFrom(node)
        with pytest.raises(ValueError, match=r"operator com\.microsoft::FusedConv of node 0 that makes 'y'"):
            read(model, tmp_path)

    def test_operator_sets_before_7(self, tmp_path):
        with pytest.raises(ValueError, match="operator set 6 is not supported, the oldest is 7; convert"):
            read(make_model([make_node("Relu", "x", "y")], {"x": X}, ["y"], opset=6), tmp_path)

    @pytest.mark.parametrize(
        ("node", "said"),
        [
            (make_node("Reshape", "x n", "y"), "shape must be known when the function is traced"),
            (make_node("MaxPool", "x", "y z", kernel_shape=[2, 2]), "the indices of the largest elements"),
            (make_node("Resize", "x none scales", "y", antialias=1), "antialias=1 is not supported, only 0 is"),
            (make_node("Concat", "x x", "y"), "the attribute 'axis' is missing"),
            (make_node("MatMul", "x x", "y"), r"node 0 that makes 'y' \(MatMul\)"),
            (make_node("Relu", "w", "y"), "needs 'w', which nothing before it makes"),
        ],
    )
    def test_what_a_node_cannot_do_is_told_with_its_name(self, tmp_path, node, said):
        tensors = {"none": np.zeros(0, np.float32), "scales": np.ones(4, np.float32) * 2}
        graph = helper.make_graph(
            [node],
            "graph",
            [
                helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3, 6, 7]),
                helper.make_tensor_value_info("n", TensorProto.INT64, [2]),
            ],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(value, name) for name, value in tensors.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
        f, params = read(model, tmp_path)
        with pytest.raises(ValueError, match=said):
            jax.eval_shape(f, params, X, jnp.zeros(2, jnp.int32))


def test_an_absent_extra_is_named(tmp_path, monkeypatch):
    (tmp_path / "a.onnx").write_bytes(b"")
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(ImportError, match=r"perturbax\[onnx\]"):
        interop.read_onnx(tmp_path / "a.onnx")


class TestExportsOfTorch:
    """Networks that torch exported, by both of its exporters."""

    pytestmark = pytest.mark.slow

    @pytest.mark.parametrize("dynamo", [False, True], ids=["traced", "dynamo"])
    @pytest.mark.parametrize("name", ["mlp", "residual", "transformer", "decoder", "lstm", "gru"])
    def test_equal_onnxruntime(self, tmp_path, name, dynamo):
        torch = pytest.importorskip("torch", reason="needs the extra bench")
        if dynamo:
            pytest.importorskip("onnxscript", reason="needs the extra bench")
        torch.manual_seed(0)
        network, example = torch_network(torch, name)
        path = tmp_path / "network.onnx"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(network.eval(), (example,), path, dynamo=dynamo, verbose=False)
        f, params = interop.read_onnx(path)
        model = onnx.load(path)
        theirs = answers(model, {model.graph.input[0].name: example.numpy()})
        ours = by_name(f, jax.jit(f)(params, example.numpy()))
        for output, values in theirs.items():
            np.testing.assert_allclose(ours[output], values, rtol=1e-5, atol=1e-5)


def torch_network(torch, name):
    nn = torch.nn

    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Conv2d(4, 4, 3, padding=1, bias=False)
            self.norm = nn.BatchNorm2d(4)
            self.second = nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x):
            return torch.relu(x + self.second(torch.relu(self.norm(self.first(x)))))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(11, 8)
            self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, activation="gelu")
            self.head = nn.Linear(8, 11)

        def forward(self, tokens):
            return self.head(self.layer(self.embedding(tokens)))

    if name == "mlp":
        layers = (nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.LayerNorm(8), nn.GELU(), nn.Softmax(-1))
        return nn.Sequential(*layers), torch.randn(2, 5)
    if name == "residual":
        layers = (nn.Conv2d(1, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), Residual())
        head = (nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
        return nn.Sequential(*layers, *head), torch.randn(2, 1, 16, 16)
    if name == "transformer":
        return Transformer(), torch.randint(0, 11, (2, 6))
    if name == "decoder":
        first = nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1)
        rest = (nn.GroupNorm(2, 4), nn.Upsample(scale_factor=2), nn.SiLU(), nn.InstanceNorm2d(4, affine=True))
        return nn.Sequential(first, nn.LeakyReLU(), *rest), torch.randn(1, 3, 5, 5)
    if name == "lstm":
        return nn.LSTM(3, 4, batch_first=True, bidirectional=True), torch.randn(2, 5, 3)
    return nn.GRU(3, 4), torch.randn(5, 2, 3)
