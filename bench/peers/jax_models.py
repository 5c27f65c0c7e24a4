"""attention, lmf and mult in JAX: functions of a dictionary of parameters, named and shaped as in PyTorch.

Each is written for one model; jax_vmap.py vectorises it over many. Shapes: B rows, T frames, D features, H hidden_dim.
Only utterance-level features for attention and lmf.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

MODALITIES = ("audio", "text", "video")
# The same as in models.py.
COMMON = {"hidden_dim": 128, "dropout": 0.3}
DEFAULTS = {
    "attention": COMMON,
    "lmf": COMMON | {"rank": 4},
    "mult": COMMON | {"layers": 4, "num_heads": 8, "conv1d_kernel_size": 3, "grad_clip": -1.0},
}
NEED_FRAMES = ("mult",)


class Dropout:
    """A new mask at every call; the identity at rate 0."""

    def __init__(self, rate, key):
        self.rate, self.key, self.calls = rate, key, 0

    def __call__(self, x):
        if self.rate == 0.0:
            return x
        self.calls += 1
        kept = jax.random.bernoulli(jax.random.fold_in(self.key, self.calls), 1 - self.rate, x.shape)
        return jnp.where(kept, x / (1 - self.rate), 0.0)


def linear(p, name, x):
    y = x @ p[name + ".weight"].T
    return y + p[name + ".bias"] if name + ".bias" in p else y


def layer_norm(p, name, x):
    mean = x.mean(-1, keepdims=True)
    variance = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p[name + ".weight"] + p[name + ".bias"]


def encode(p, name, x, drop):
    x = drop(x)
    for i in (1, 2, 3):
        x = jax.nn.relu(linear(p, f"{name}.linear_{i}", x))
    return x


def encoders(setting):
    return [(name + "_encoder", d) for name, d in zip(MODALITIES, setting["dims"]) if d > 0]


# ---- models: features of the inputs ---------------------------------------------------------------


def attention(p, setting, inputs, drop):
    encoded = [encode(p, name, x, drop) for (name, _), x in zip(encoders(setting), inputs)]
    if len(encoded) == 1:
        return encoded[0]
    scores = linear(p, "fc_att", encode(p, "attention_mlp", jnp.concatenate(encoded, axis=1), drop))
    return jnp.einsum("bhk,bk->bh", jnp.stack(encoded, axis=2), scores)


def lmf(p, setting, inputs, drop):
    product = 1.0
    for (name, _), x in zip(encoders(setting), inputs):
        x = jnp.pad(encode(p, name, x, drop), ((0, 0), (1, 0)), constant_values=1.0)
        product = product * jnp.einsum("bh,kho->kbo", x, p[name.replace("encoder", "factor")])
    return jnp.einsum("k,kbo->bo", p["fusion_weights"][0], product) + p["fusion_bias"]


def head_attention(p, name, query, key, value, heads, drop):
    width = query.shape[-1]
    weight, bias = p[name + ".in_proj_weight"], p[name + ".in_proj_bias"]

    def project(x, block):
        rows = slice(block * width, (block + 1) * width)
        return (x @ weight[rows].T + bias[rows]).reshape(*x.shape[:-1], heads, width // heads)

    q, k, v = project(query, 0), project(key, 1), project(value, 2)  # (B, T, heads, width / heads)
    scores = jnp.einsum("bqhe,bkhe->bhqk", q / math.sqrt(width // heads), k)
    reach = abs(k.shape[1] - q.shape[1])
    seen = np.tril(np.ones((q.shape[1], k.shape[1]), dtype=bool), reach)
    weights = drop(jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1))
    y = jnp.einsum("bhqk,bkhe->bqhe", weights, v).reshape(query.shape)
    return linear(p, name + ".out_proj", y)


def crossmodal(p, name, layers, heads, drop, x, source=None):
    scale = math.sqrt(x.shape[-1])
    x = drop(scale * x)
    key, value = (None, None) if source is None else (drop(scale * source), drop(scale * source))
    for i in range(layers):
        layer = f"{name}.layers.{i}"
        query = layer_norm(p, layer + ".layer_norms.0", x)
        k, v = (query if y is None else layer_norm(p, layer + ".layer_norms.0", y) for y in (key, value))
        x = x + drop(head_attention(p, layer + ".self_attn", query, k, v, heads, drop))
        y = jax.nn.relu(linear(p, layer + ".fc1", layer_norm(p, layer + ".layer_norms.1", x)))
        x = x + drop(linear(p, layer + ".fc2", drop(y)))
    return layer_norm(p, name + ".layer_norm", x)


def convolve(weight, x):
    """(H, D, K) on (B, T, D) -> (B, T - K + 1, H)"""
    kernel = weight.shape[2]
    length = x.shape[1] - kernel + 1
    return sum(x[:, k : k + length] @ weight[:, :, k].T for k in range(kernel))


def mult(p, setting, inputs, drop):
    options = setting["options"]
    layers, heads = int(options["layers"]), int(options["num_heads"])
    audio, text, video = inputs
    x = {m: convolve(p[f"proj_{m}.weight"], y) for m, y in (("l", text), ("a", audio), ("v", video))}
    last = []
    for m, others in (("l", "av"), ("a", "lv"), ("v", "la")):
        crossed = [crossmodal(p, f"trans_{m}_with_{o}", layers, heads, drop, x[m], x[o]) for o in others]
        memory = crossmodal(p, f"trans_{m}_mem", max(layers, 3), heads, drop, jnp.concatenate(crossed, axis=2))
        last.append(memory[:, -1])
    s = jnp.concatenate(last, axis=1)
    z = s + linear(p, "proj2", drop(jax.nn.relu(linear(p, "proj1", s))))
    return linear(p, "out_layer", z)


FEATURES = {"attention": attention, "lmf": lmf, "mult": mult}


def total_loss(p, name, setting, inputs, emotions, valences, key):
    features = FEATURES[name](p, setting, inputs, Dropout(setting["options"]["dropout"], key))
    loss = 0.0
    if setting["classes"]:
        logits = jax.nn.log_softmax(linear(p, "fc_out_1", features))
        loss = loss - jnp.take_along_axis(logits, emotions[:, None], axis=1).mean()
    if setting["values"]:
        loss = loss + jnp.square(linear(p, "fc_out_2", features)[:, 0] - valences).mean()
    return loss


# ---- shapes of the parameters -----------------------------------------------------------------------


def linear_shapes(name, inputs, outputs):
    return {name + ".weight": (outputs, inputs), name + ".bias": (outputs,)}


def encoder_shapes(name, inputs, h):
    shapes = linear_shapes(name + ".linear_1", inputs, h)
    return shapes | linear_shapes(name + ".linear_2", h, h) | linear_shapes(name + ".linear_3", h, h)


def crossmodal_shapes(name, width, layers):
    shapes = {}
    for i in range(layers):
        layer = f"{name}.layers.{i}"
        shapes |= {layer + ".self_attn.in_proj_weight": (3 * width, width)}
        shapes |= {layer + ".self_attn.in_proj_bias": (3 * width,)}
        shapes |= linear_shapes(layer + ".self_attn.out_proj", width, width)
        shapes |= linear_shapes(layer + ".fc1", width, 4 * width) | linear_shapes(layer + ".fc2", 4 * width, width)
        for n in (f"{layer}.layer_norms.0", f"{layer}.layer_norms.1"):
            shapes |= {n + ".weight": (width,), n + ".bias": (width,)}
    return shapes | {f"{name}.layer_norm.weight": (width,), f"{name}.layer_norm.bias": (width,)}


def parameter_shapes(name, setting):
    h, options, shapes = int(setting["options"]["hidden_dim"]), setting["options"], {}
    width = h if name == "attention" else h // 2
    if name != "mult":
        for encoder, dimension in encoders(setting):
            shapes |= encoder_shapes(encoder, dimension, h)
    if name == "attention" and len(encoders(setting)) > 1:
        count = len(encoders(setting))
        shapes |= encoder_shapes("attention_mlp", count * h, h) | linear_shapes("fc_att", h, count)
    if name == "lmf":
        rank = int(options["rank"])
        shapes |= {m + "_factor": (rank, h + 1, width) for m in MODALITIES}
        shapes |= {"fusion_weights": (1, rank), "fusion_bias": (1, width)}
    if name == "mult":
        layers, kernel = int(options["layers"]), int(options["conv1d_kernel_size"])
        for m, dimension in zip("alv", setting["dims"]):
            shapes[f"proj_{m}.weight"] = (h, dimension, kernel)
            shapes |= crossmodal_shapes(f"trans_{m}_mem", 2 * h, max(layers, 3))
            for other in "lav".replace(m, ""):
                shapes |= crossmodal_shapes(f"trans_{m}_with_{other}", h, layers)
        shapes |= linear_shapes("proj1", 6 * h, 6 * h) | linear_shapes("proj2", 6 * h, 6 * h)
        shapes |= linear_shapes("out_layer", 6 * h, width)
    if setting["classes"]:
        shapes |= linear_shapes("fc_out_1", width, setting["classes"])
    if setting["values"]:
        shapes |= linear_shapes("fc_out_2", width, setting["values"])
    return shapes
