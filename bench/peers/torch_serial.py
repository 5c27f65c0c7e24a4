#!/usr/bin/env python3
"""The peer of the benchmarks: the same training, one model after another, in eager PyTorch on the CPU.

  torch_serial.py steps [--dims 1024,5120,768] [--hidden 128] ...   training steps per second on random data
  torch_serial.py sweep PLAN.json --data DIR ...                    a whole merbench plan, trained serially

`steps` measures what bench_train measures: forward, loss, backward, Adam. Batches are cut from the resident data
before the clock starts, so loading is not counted (the engine's own step does count its gathering of rows).

`sweep` does what the reference toolkit does for each run: batches of a DataLoader over arrays in memory, and in every
epoch one pass over the training part, one over the selection part and one over each test set. It reads the same
corpora and plan as `merbench run`: attention, utterance-level features, grid search or final seeds.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import time

import torch

from attention import Attention, make_optimizer, train_step


def parse_dims(text):
    dims = [int(d) for d in text.split(",")]
    if not 1 <= len(dims) <= 3 or min(dims) < 0 or max(dims) == 0:
        raise argparse.ArgumentTypeError("expected three dimensions, audio,text,video; 0 = absent")
    return dims


def at_least(least):
    def parse(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"expected {least} or more")
        return value

    return parse


def meet(place, seconds=300.0):
    """Waits until COUNT processes have come to the folder: then all start measuring at once."""
    folder, count = place.rsplit(",", 1)
    with open(os.path.join(folder, str(os.getpid())), "x"):
        pass
    deadline = time.monotonic() + seconds
    while len(os.listdir(folder)) < int(count):
        if time.monotonic() > deadline:
            sys.exit(f"torch_serial.py: {folder}: fewer than {count} processes came")
        time.sleep(0.002)


def about():
    return {
        "engine": "torch " + torch.__version__,
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def run_steps(options):
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    dims = [d for d in options.dims if d > 0]
    batches = []
    for _ in range(options.rows // options.batch):
        features = [torch.randn(options.batch, d, generator=generator) for d in dims]
        emotions = torch.randint(0, max(options.classes, 1), (options.batch,), generator=generator)
        batches.append((features, emotions, torch.randn(options.batch, generator=generator)))
    model = Attention(dims, options.hidden, options.dropout, options.classes, options.values)
    model.train()
    optimizer = make_optimizer(model, 1e-3, 1e-5, options.fused)

    def train(count):
        loss = None
        for step in range(count):
            loss = train_step(model, optimizer, *batches[step % len(batches)])
        return loss.item()

    train(options.warmup)
    if options.meet:
        meet(options.meet)
    rates, loss = [], 0.0
    for _ in range(options.repeats):
        began = time.perf_counter()
        loss = train(options.steps)
        rates.append(options.steps / (time.perf_counter() - began))
    weights = sum(p.numel() for p in model.parameters())
    result = about() | {
        "model": "attention",
        "optimizer": "Adam, fused" if options.fused else "Adam",
        "dims": options.dims,
        "hidden_dim": options.hidden,
        "batch_size": options.batch,
        "dropout": options.dropout,
        "class_count": options.classes,
        "value_count": options.values,
        "weights": weights,
        "steps": options.steps,
        "repeats": options.repeats,
        "steps_per_second": statistics.median(rates),
        "slowest": min(rates),
        "fastest": max(rates),
        "gigabytes_per_second": statistics.median(rates) * weights * 24 / 1e9,
        "last_loss": loss,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['engine']}, {result['threads']} thread(s), {result['cpu_capability']}")
    print(f"attention, dims {options.dims}, hidden {options.hidden}, {weights} weights")
    print(
        f"{result['steps_per_second']:.1f} model-steps/s "
        f"(median of {options.repeats}; {min(rates):.1f} to {max(rates):.1f}), last loss {loss:.4f}"
    )


def run_sweep(options):
    import sweep  # needs h5py and numpy; steps does not

    # The first optimiser of a process imports half of PyTorch; that is not training.
    model = Attention([2, 2, 2], 2, 0.1, 2, 1)
    batch = [torch.zeros(2, 2)] * 3, torch.zeros(2, dtype=torch.long), torch.zeros(2)
    train_step(model, make_optimizer(model, 1e-3, 1e-5), *batch)
    began = time.perf_counter()
    result = about() | sweep.train_plan(options.plan, options.data, options.shard, options.limit)
    result["seconds"] = time.perf_counter() - began
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['engine']}, {result['threads']} thread(s)")
    print(f"{result['runs']} of {result['runs_in_shard']} runs, {result['steps']} training steps")
    print(f"{result['seconds']:.2f} s in all, {result['train_seconds']:.2f} s without reading the corpora")
    for cell in result["cells"]:
        chosen = json.dumps(cell["chosen"])
        print(f"{cell['where']}: {chosen} selection {cell['selection']:.4f} score waf {cell['waf']}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_subparsers(dest="mode", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--threads", type=at_least(1), default=1, help="threads inside each operation")
    shared.add_argument("--json", action="store_true", help="one line of JSON")

    steps = modes.add_parser("steps", parents=[shared], help="training steps on random data")
    steps.add_argument("--dims", type=parse_dims, default=[1024, 5120, 768], metavar="A,T,V")
    steps.add_argument("--hidden", type=at_least(1), default=128)
    steps.add_argument("--batch", type=at_least(1), default=32)
    steps.add_argument("--dropout", type=float, default=0.3)
    steps.add_argument("--classes", type=at_least(0), default=6)
    steps.add_argument("--values", type=int, choices=(0, 1), default=1)
    steps.add_argument("--rows", type=at_least(1), default=1024, help="utterances of the random data")
    steps.add_argument("--steps", type=at_least(1), default=100, help="steps a repeat")
    steps.add_argument("--repeats", type=at_least(1), default=7)
    steps.add_argument("--warmup", type=at_least(1), default=20, help="steps before the first repeat")
    steps.add_argument("--fused", action="store_true", help="PyTorch's fused Adam instead of its default")
    steps.add_argument("--seed", type=int, default=1)
    steps.add_argument("--meet", metavar="DIR,COUNT", help="start together with other processes")
    steps.set_defaults(run=run_steps)

    sweep = modes.add_parser("sweep", parents=[shared], help="a whole plan")
    sweep.add_argument("plan", metavar="PLAN.json")
    sweep.add_argument("--data", help="folder of the corpora (default: the plan's)")
    sweep.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th cell, from cell I")
    sweep.add_argument("--limit", type=at_least(1), help="stop after so many runs (to extrapolate)")
    sweep.set_defaults(run=run_sweep)

    options = parser.parse_args()
    if options.mode == "steps":
        if options.rows < options.batch:
            parser.error("--rows is smaller than --batch")
        if options.classes == 0 and options.values == 0:
            parser.error("a model needs --classes or --values")
    torch.set_num_threads(options.threads)
    torch.set_num_interop_threads(1)
    options.run(options)


if __name__ == "__main__":
    main()
