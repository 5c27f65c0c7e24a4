#!/usr/bin/env python3
"""A peer of the benchmarks: A models at once in JAX, `vmap` over the models and `lax.scan` over the steps.

All steps of a repeat are one compiled program; gathering the batch, dropout and Adam are part of it, and
parameters and moments are updated in place (donated). attention and lmf (utterance-level features) and mult.
"""

import argparse
import os
import platform

import common
import jax_models


def adam(parameters, gradients, first, second, step, clip):
    import jax
    import jax.numpy as jnp

    def update(w, g, m, v):
        g = jnp.clip(g, -clip, clip) if clip != -1.0 else g
        g = g + 1e-5 * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        root = jnp.sqrt(v) / jnp.sqrt(1 - 0.999**step) + 1e-8
        return w - 1e-3 / (1 - 0.9**step) * m / root, m, v

    updated = jax.tree.map(update, parameters, gradients, first, second)
    return tuple({k: updated[k][i] for k in updated} for i in range(3))


def make_scan(options, setting, data):
    import jax
    import jax.numpy as jnp

    features = [jnp.asarray(f) for f in data.features]
    emotions, valences = jnp.asarray(data.emotions), jnp.asarray(data.valences)
    rows = jnp.asarray(data.rows)  # (steps, A, B)
    clip = float(options.options.get("grad_clip", -1.0))
    key = jax.random.key(options.seed, impl=options.generator)

    def one_model(parameters, first, second, step, batch, seed):
        inputs = [f[batch] for f in features]
        loss, gradients = jax.value_and_grad(jax_models.total_loss)(
            parameters, options.model, setting, inputs, emotions[batch], valences[batch], seed
        )
        return *adam(parameters, gradients, first, second, (step + 1).astype(jnp.float32), clip), loss

    every_model = jax.vmap(one_model, in_axes=(0, 0, 0, None, 0, 0))

    def one_step(state, _):
        parameters, first, second, step = state
        seeds = jax.random.split(jax.random.fold_in(key, step), options.models)
        *state, losses = every_model(parameters, first, second, step, rows[step % data.batches], seeds)
        return (*state, step + 1), losses

    def scan(state, count):
        state, losses = jax.lax.scan(one_step, state, None, length=count)
        return state, losses[-1]

    return jax.jit(scan, static_argnums=1, donate_argnums=0)


def start(options, shapes):
    """Start values of every model, with a leading A: different ones for --check, else the same for all."""
    import jax.numpy as jnp
    import numpy as np

    if options.check:
        each = [common.start_weights(shapes, a) for a in range(options.models)]
        return {name: jnp.asarray(np.stack([w[name] for w in each])) for name in shapes}
    one = common.start_weights(shapes, 0)
    return {name: jnp.repeat(jnp.asarray(w)[None], options.models, axis=0) for name, w in one.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_options(parser, models=True)
    parser.add_argument(
        "--generator", choices=("rbg", "threefry2x32"), default="rbg", help="random numbers of dropout; rbg is faster"
    )
    options = common.finish(parser, parser.parse_args(), jax_models.DEFAULTS, jax_models.NEED_FRAMES)
    if options.model != "mult" and options.feature_type != "utt":
        parser.error(f"{options.model}: only utterance-level features")
    if options.model != "attention" and min(options.dims) == 0:
        parser.error(f"{options.model} needs audio, text and video")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ["JAX_PLATFORMS"] = options.device
    if options.device == "cpu":  # before the import, because XLA has as many threads as it may use cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    import jax
    import jax.numpy as jnp
    import numpy as np

    jax.config.update("jax_default_matmul_precision", "tensorfloat32" if options.precision == "tf32" else "highest")
    setting = {"dims": options.dims, "classes": options.classes, "values": options.values, "options": options.options}
    shapes = jax_models.parameter_shapes(options.model, setting)
    parameters = start(options, shapes)
    zeros = [{name: jnp.zeros_like(w) for name, w in parameters.items()} for _ in range(2)]
    scan = make_scan(options, setting, common.Data(options))
    state = [(parameters, *zeros, jnp.zeros((), jnp.int32))]

    # A fixed number of steps, so that it is compiled once; single steps until the number is known.
    chunk = 1 if options.check or options.milliseconds else options.steps

    def train(steps):
        losses = None
        for _ in range(-(-steps // chunk)):
            state[0], losses = scan(state[0], chunk)
        return np.asarray(losses)  # waits

    def settle(steps):
        nonlocal chunk
        if chunk != steps:
            chunk = steps
            train(steps)  # compiles

    device = jax.devices()[0]
    about = {
        "engine": "jax " + jax.__version__,
        "device": platform.machine() if options.device == "cpu" else device.device_kind,
        "threads": options.threads,
        "optimizer": "vmap, scan, Adam",
    }
    common.measure(options, about, sum(int(np.prod(s)) for s in shapes.values()), train, settle)


if __name__ == "__main__":
    main()
