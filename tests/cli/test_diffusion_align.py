"""`perturbax diffusion align`: pairs in files, what is written, an own network with texts, and wrong command lines."""

import json

import equinox as eqx
import jax
import numpy as np
import pytest
from PIL import Image

from perturbax import diffusion, nn
from perturbax.cli import main

SMALL = ("--steps", 4, "--batch", 4, "--learning-rate", 1e-3)
NETWORK = """
import equinox as eqx, jax, jax.numpy as jnp, numpy as np


class Network(eqx.Module):
    inner: eqx.nn.Linear
    outer: eqx.nn.Linear

    def __init__(self, key):
        self.inner, self.outer = eqx.nn.Linear(13 + 2, 8, key=key), eqx.nn.Linear(8, 12, key=key)

    def __call__(self, x, time, condition):
        rows = jnp.concatenate([x.reshape(len(x), -1), jnp.full((len(x), 1), time), condition], axis=1)
        return jax.vmap(lambda r: self.outer(jax.nn.silu(self.inner(r))))(rows).reshape(x.shape)


model = Network(jax.random.key(0))
number = 3


def encode(texts):
    return np.array([[len(text), text.count("a")] for text in texts], np.float32)


def captioner(images, prompts):
    return [f"{prompt} {image.mean():.2f}" for image, prompt in zip(images, prompts)]
"""


def align(*arguments):
    return main(["diffusion", "align", *map(str, arguments)])


def told(capsys):
    return json.loads(capsys.readouterr().out)


def write(path, lines):
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A trained denoiser of labelled 2 x 2 pictures, an own network for pictures in RGB, and pairs for both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    network = nn.ResidualMLP(4, width=8, blocks=1, classes=3, key=jax.random.key(0))
    diffusion.save_denoiser("model", nn.EDMPreconditioned(network, 0.5, np.full(4, 0.1, np.float32)), (2, 2), np.inf)
    (tmp_path / "pictured.py").write_text(NETWORK)
    (tmp_path / "images").mkdir()
    random = np.random.default_rng(0)
    labelled, pictured = [], []
    for i in range(8):
        names = [f"images/{i}-{side}" for side in "wl"]
        for name in names:
            np.save(f"{name}.npy", random.normal(size=(2, 2)).astype(np.float32))
            Image.fromarray(random.integers(0, 256, (2, 2, 3), dtype=np.uint8)).save(f"{name}.png")
        sides = dict(zip(("image_w", "image_l"), names, strict=True))
        labelled.append(
            {k: f"{v}.npy" for k, v in sides.items()} | {"prompt": i % 3, "caption_w": i % 3, "caption_l": i % 2}
        )
        pictured.append({k: f"{v}.png" for k, v in sides.items()} | {"prompt": f"a picture of number {i}"})
    write(tmp_path / "labelled.jsonl", labelled)
    write(tmp_path / "pictured.jsonl", pictured)
    return tmp_path


def test_a_trained_denoiser_is_aligned_and_sampled_from(folder, capsys):
    arguments = ("--model", "model", "--pairs", "labelled.jsonl", "--perturb", "redraw:0.7", "--out", "done")
    assert align(*arguments, "--json", *SMALL) == 0
    report = told(capsys)
    assert (report["method"], report["pairs"], report["steps"]) == ("dcpo", 8, 4)
    assert 0.0 <= report["implicit_accuracy"] <= 1.0
    assert report["winner_error"] == pytest.approx(1.0, abs=0.5)
    before, after = (diffusion.load_denoiser(name).denoiser for name in ("model", "done"))
    np.testing.assert_array_equal(before.centre, after.centre)
    assert not np.array_equal(before.network.inputs.weight, after.network.inputs.weight)
    sample = ("diffusion", "sample", "--model", "done", "--method", "heun", "--nfe", "5", "--condition", "1")
    assert main([*sample, "--num-samples", "2"]) == 0
    # A finished run goes on from its checkpoint: nothing is left to do, and the result is the same.
    assert align(*arguments, *SMALL) == 0
    np.testing.assert_array_equal(
        diffusion.load_denoiser("done").denoiser.network.inputs.weight, after.network.inputs.weight
    )


def test_an_own_network_is_aligned_with_texts_and_what_was_trained_is_written(folder, capsys):
    arguments = ("--model", "pictured:model", "--pairs", "pictured.jsonl", "--shape", "3,2,2", "--out", "adapter")
    texts = ("--encode", "pictured:encode", "--captioner", "pictured:captioner", "--perturb", "word-drop:0.5")
    assert align(*arguments, *texts, "--train", "outer", "--accumulate", 2, "--json", *SMALL) == 0
    assert told(capsys)["evaluations"] == 4 * 4 * 4
    import pictured

    back = diffusion.load_adapter("adapter", pictured.model)
    np.testing.assert_array_equal(back.inner.weight, pictured.model.inner.weight)
    assert not np.array_equal(back.outer.weight, pictured.model.outer.weight)
    with pytest.raises(ValueError, match=r"adapter.npz has arrays for .*outer"):
        diffusion.load_adapter("adapter", pictured.model.inner)
    wider = eqx.tree_at(lambda m: m.outer.weight, pictured.model, np.zeros((12, 9)))
    with pytest.raises(ValueError, match=r"has an array of shape \(12, 8\) for .*weight"):
        diffusion.load_adapter("adapter", wider)


@pytest.mark.parametrize("method", ["diffusion-dpo", "ipo", "mapo", "sft"])
def test_every_method_can_be_named(folder, capsys, method):
    assert align("--model", "model", "--pairs", "labelled.jsonl", "--method", method, "--json", *SMALL) == 0
    assert np.isfinite(told(capsys)["loss"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--pairs", "none.jsonl"), "--pairs: there is no file none.jsonl"),
        (("--pairs", "empty.jsonl"), "holds no pairs"),
        (("--pairs", "broken.jsonl"), "broken.jsonl, line 2: is no JSON"),
        (("--pairs", "fields.jsonl"), "fields.jsonl, line 1: must be an object with image_w and image_l"),
        (("--pairs", "uneven.jsonl"), "uneven.jsonl, line 2: has image_l, image_w, but the first line has"),
        (("--pairs", "missing.jsonl"), "line 1: image_l: nothing.npy cannot be read"),
        (("--pairs", "bytes.jsonl"), "bytes.npy must hold floating numbers"),
        (("--pairs", "shape.jsonl"), "shape.npy has shape (3,), wanted (2, 2)"),
        (("--pairs", "labels.jsonl"), "prompt must be labels 0 to 2 for this model"),
        (("--pairs", "mixed.jsonl"), "prompt must be texts, or numbers"),
        (("--pairs", "labelled.jsonl", "--batch", 9), "--batch must be at most the 8 pairs"),
        (("--pairs", "labelled.jsonl", "--method", "ppo"), "--method must be one of dcpo"),
        (("--pairs", "labelled.jsonl", "--method", "sft", "--beta", 2), "--beta has no meaning for --method sft"),
        (("--pairs", "labelled.jsonl", "--method", "diffusion-dpo", "--captions", "hybrid"), "with others it is dcpo"),
        (("--pairs", "labelled.jsonl", "--captions", "h"), "--captions must be one of prompts, captioned"),
        (("--pairs", "labelled.jsonl", "--perturb", "redraw"), "--perturb must be written as redraw:STRENGTH"),
        (("--pairs", "labelled.jsonl", "--perturb", "synonyms:1"), "--perturb synonyms needs --synonyms TABLE.json"),
        (("--pairs", "labelled.jsonl", "--perturb", "redraw:2"), "strength must be a number in [0, 1], got 2"),
        (("--pairs", "labelled.jsonl", "--beta", 0, "--captions", "captioned"), "beta must be a number > 0"),
        (("--pairs", "labelled.jsonl", "--captions", "captioned", "--train", "lora"), "--train lora finds none of"),
        (("--pairs", "labelled.jsonl", "--captions", "captioned", "--train", "("), "--train must be a regular"),
        (("--pairs", "labelled.jsonl", "--captions", "captioned", "--levels", "all"), "--levels must be one of"),
        (("--pairs", "labelled.jsonl", "--encode", "nothing"), "--encode must be module:callable"),
        (("--pairs", "labelled.jsonl", "--encode", "pictured:number"), "--encode pictured:number must be callable as"),
        (("--pairs", "labelled.jsonl", "--out", "labelled.jsonl"), "--out labelled.jsonl is a file"),
        (("--pairs", "labelled.jsonl", "--learning-rate", 0), "--learning-rate must be positive"),
    ],
)
def test_wrong_command_lines_say_what_is_wrong(folder, capsys, arguments, message):
    first = json.loads((folder / "labelled.jsonl").read_text().splitlines()[0])
    plain = {"image_w": first["image_w"], "image_l": first["image_l"]}
    (folder / "empty.jsonl").write_text("\n")
    (folder / "broken.jsonl").write_text(json.dumps(plain) + "\n{")
    write(folder / "fields.jsonl", [{**plain, "text": "a"}])
    write(folder / "uneven.jsonl", [first, plain])
    write(folder / "missing.jsonl", [{**plain, "image_l": "nothing.npy"}])
    write(folder / "bytes.jsonl", [{**plain, "image_l": "bytes.npy"}])
    write(folder / "shape.jsonl", [{**plain, "image_l": "shape.npy"}])
    write(folder / "labels.jsonl", [{**plain, "prompt": 3}] * 4)
    write(folder / "mixed.jsonl", [{**plain, "prompt": 3}, {**plain, "prompt": "a"}])
    np.save("bytes.npy", np.zeros((2, 2), np.uint8))
    np.save("shape.npy", np.zeros(3))
    assert align("--model", "model", *SMALL, *arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_texts_without_an_encoder_and_models_without_a_name_are_refused(folder, capsys):
    assert align("--pairs", "labelled.jsonl") == 2
    assert "--model is needed" in capsys.readouterr().err
    assert align("--model", "pictured:model", "--pairs", "pictured.jsonl", "--method", "sft", *SMALL) == 2
    assert "encode is needed, because prompt holds texts" in capsys.readouterr().err
