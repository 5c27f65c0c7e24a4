"""Shared by all peers, and independent of frameworks: command line, data, measuring, the result."""

import argparse
import json
import os
import platform
import statistics
import sys
import time
import zlib

import numpy as np

MODALITIES = ("audio", "text", "video")


def parse_dims(text):
    dims = [int(d) for d in text.split(",")]
    if len(dims) != 3 or min(dims) < 0 or max(dims) == 0:
        raise argparse.ArgumentTypeError("expected three dimensions, audio,text,video; 0 = absent")
    return dims


def at_least(least):
    def parse(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"expected {least} or more")
        return value

    return parse


def add_options(parser, models=False):
    """The options of bench_train, with the same names."""
    add = parser.add_argument
    add("--device", choices=("cpu", "cuda"), default="cpu")
    if models:
        add("--models", type=at_least(1), default=1, help="models that train at once")
    add("--model", default="attention")
    add("--set", action="append", default=[], metavar="OPTION=VALUE", help="an option of the model")
    add("--hidden", type=at_least(1), default=128)
    add("--dropout", type=float)
    add("--dims", type=parse_dims, default=[1024, 5120, 768], metavar="A,T,V")
    add("--feature-type", choices=("utt", "frm_align", "frm_unalign"))
    add("--frames", type=at_least(1), default=20, help="frames of an utterance, frame-level features only")
    add("--batch", type=at_least(1), default=32)
    add("--classes", type=at_least(0), default=6)
    add("--values", type=int, choices=(0, 1), default=1)
    add("--rows", type=at_least(1), help="utterances of the random data (1024; 256 where they have frames)")
    add("--steps", type=at_least(1), default=100, help="steps in a repeat")
    add("--milliseconds", type=at_least(1), help="instead of --steps: as many steps as take about N ms")
    add("--repeats", type=at_least(1), default=7)
    add("--warmup", type=at_least(1), default=20, help="steps before the first repeat")
    add("--precision", choices=("highest", "tf32"), default="highest", help="precision of products on a GPU")
    add("--threads", type=at_least(1), default=1, help="CPU: threads inside each operation")
    add("--seed", type=int, default=1)
    add("--meet", metavar="DIR,COUNT", help="start together with other processes")
    add("--check", action="store_true", help="print the losses of five steps from fixed start weights, without dropout")
    add("--json", action="store_true", help="one line of JSON")


def finish(parser, options, defaults, need_frames):
    """Fills in the model's options; `defaults` by model, `need_frames`: models that do not accept utt."""
    if options.model not in defaults:
        parser.error(f"--model: expected one of {', '.join(defaults)}")
    chosen = dict(defaults[options.model]) | {"hidden_dim": options.hidden}
    if options.dropout is not None:
        chosen["dropout"] = options.dropout
    for text in options.set:
        name, _, value = text.partition("=")
        if name not in chosen:
            parser.error(f"--set: {options.model} has no option '{name}' in this peer")
        chosen[name] = float(value) if "." in value or "e" in value else int(value)
    if options.check:
        chosen["dropout"] = 0.0
    options.options = chosen
    options.models = getattr(options, "models", 1)
    if options.feature_type is None:
        options.feature_type = "frm_align" if options.model in need_frames else "utt"
    if options.rows is None:
        options.rows = 1024 if options.feature_type == "utt" else 256
    if options.rows < options.batch:
        parser.error("--rows is smaller than --batch")
    if options.classes == 0 and options.values == 0:
        parser.error("a model needs --classes or --values")
    return options


class Data:
    """Random utterances, in a different order for each model: rows[step, model] are the rows of a batch."""

    def __init__(self, options):
        random = np.random.default_rng(options.seed)
        frames = () if options.feature_type == "utt" else (options.frames,)
        shapes = [(options.rows, *frames, d) for d in options.dims if d > 0]
        self.features = [random.standard_normal(s, dtype=np.float32) for s in shapes]
        self.emotions = random.integers(0, max(options.classes, 1), options.rows)
        self.valences = random.standard_normal(options.rows, dtype=np.float32)
        self.batches = options.rows // options.batch
        orders = [random.permutation(options.rows) for _ in range(options.models)]
        rows = np.stack(orders)[:, : self.batches * options.batch]
        self.rows = np.ascontiguousarray(rows.reshape(options.models, self.batches, options.batch).swapaxes(0, 1))


def start_weights(shapes, model):
    """Start weights for --check, derived from parameter names: the same in every peer, different for each model."""
    weights = {}
    for name, shape in shapes.items():
        random = np.random.default_rng([model, zlib.crc32(name.encode())])
        values = random.uniform(-1, 1, shape) / np.sqrt(shape[-1])
        if "norm" in name and name.endswith("weight"):
            values = 1 + 0.1 * values
        weights[name] = values.astype(np.float32)
    return weights


def meet(place, seconds=300.0):
    """Puts a file in the folder and waits until COUNT processes have done so; then all start measuring at once."""
    folder, count = place.rsplit(",", 1)
    with open(os.path.join(folder, str(os.getpid())), "x"):
        pass
    deadline = time.monotonic() + seconds
    while len(os.listdir(folder)) < int(count):
        if time.monotonic() > deadline:
            sys.exit(f"{sys.argv[0]}: {folder}: expected {count} processes within {seconds:.0f} s")
        time.sleep(0.002)


def choose_steps(options, run):
    """(steps of a repeat, repeats): as asked for, or as many steps as take --milliseconds, estimated from the first
    measurement that is long enough. If a single step takes longer than that, there are fewer repeats."""
    if options.milliseconds is None:
        return options.steps, options.repeats
    wanted, steps = 1e-3 * options.milliseconds, 1
    while True:
        began = time.perf_counter()
        run(steps)
        taken = time.perf_counter() - began
        if taken >= 0.2 * wanted:
            fitting = steps * wanted / taken
            return max(1, round(fitting)), max(1, round(options.repeats * min(fitting, 1.0)))
        steps *= 2


def time_repeats(run, steps, repeats):
    """run(steps), finished when it returns -> steps per second of every repeat, and the result of the last one"""
    rates, last = [], None
    for _ in range(repeats):
        began = time.perf_counter()
        last = run(steps)
        rates.append(steps / (time.perf_counter() - began))
    return rates, last


def measure_evaluation(options, evaluate):
    evaluate(options.warmup)
    rates, outputs = time_repeats(evaluate, *choose_steps(options, evaluate))
    if not np.all(np.isfinite(outputs)):
        sys.exit(f"{sys.argv[0]}: an output of the evaluation is not finite")
    rates = [r * options.batch for r in rates]
    return {
        "evaluation_rows": options.batch,
        "evaluated_rows_per_second": statistics.median(rates),
        "slowest_evaluation": min(rates),
        "fastest_evaluation": max(rates),
    }


CHECK_STEPS = 5


def measure(options, about, weights, train, settle=lambda steps: None, evaluate=None):
    """Times train(steps), which returns the losses of the last step when it is finished, and prints the result.
    `about`: describes the peer; `weights`: of one model; `settle`: called with the steps of a repeat before the clock
    starts; `evaluate`: timed after training; a step is the forward pass of a batch, and it returns some outputs."""
    if options.check:
        print(json.dumps(about | {"losses": [list(map(float, train(1))) for _ in range(CHECK_STEPS)]}))
        return
    train(options.warmup)
    if options.meet:
        meet(options.meet)
    steps, repeats = choose_steps(options, train)
    settle(steps)
    rates, losses = time_repeats(train, steps, repeats)
    rates = [r * options.models for r in rates]
    if not np.all(np.isfinite(losses)):
        sys.exit(f"{sys.argv[0]}: a loss is not finite")
    rate = statistics.median(rates)
    result = about | {
        "python": platform.python_version(),
        "backend": options.device,
        "model": options.model,
        "dims": options.dims,
        "feature_type": options.feature_type,
        "frames": 1 if options.feature_type == "utt" else options.frames,
        "options": options.options,
        "hidden_dim": options.options["hidden_dim"],
        "batch_size": options.batch,
        "dropout": options.options["dropout"],
        "class_count": options.classes,
        "value_count": options.values,
        "weights": weights,
        "models": options.models,
        "precision": options.precision,
        "steps": steps,
        "repeats": repeats,
        "steps_per_second": rate,
        "slowest": min(rates),
        "fastest": max(rates),
        "microseconds_per_model_step": 1e6 / rate,
        "gigabytes_per_second": rate * weights * 24 / 1e9,
        "last_loss": float(losses[0]),
    }
    if evaluate:
        result |= measure_evaluation(options, evaluate)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['engine']}, {result['device']}, {options.models} model(s), {result['optimizer']}")
    print(f"{options.model}, {options.feature_type}, dims {options.dims}, {result['options']}, {weights} weights")
    print(
        f"{rate:.1f} model-steps/s (median of {repeats}; {min(rates):.1f} to {max(rates):.1f}), "
        f"{1e6 / rate:.2f} us per model-step, last loss {float(losses[0]):.4f}"
    )
    if evaluate:
        print(f"{result['evaluated_rows_per_second']:.1f} evaluated rows/s, {options.batch} at a time")
