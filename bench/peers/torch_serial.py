#!/usr/bin/env python3
"""The peer of the benchmarks: the same training, one model after another, in eager PyTorch.

  torch_serial.py steps [--model NAME] [--hidden 128] ...   training steps per second on random data
  torch_serial.py sweep PLAN.json --data DIR ...            a whole merbench plan, trained serially on the CPU

`steps` measures what bench_train measures: forward, loss, backward, Adam, of any of the ten models. Batches are cut
from the resident data before the clock starts, so loading is not counted (the engine's own step does count its
gathering of rows). With --evaluate forward passes without gradients follow, in batches of the training's size.

`sweep` does what the reference toolkit does for each run: batches of a DataLoader over arrays in memory, and in every
epoch one pass over the training part, one over the selection part and one over each test set. It reads the same
corpora and plan as `merbench run`: all ten models and feature types, grid search and final seeds.
"""

import argparse
import json
import time

import torch

import common
import models
import torch_training
from torch_training import make_optimizer, train_step


class Cut(torch_training.Steps):
    """Steps on batches that were made beforehand."""

    def __init__(self, options, model, optimizer, rows):
        super().__init__(options, model, optimizer, rows)
        self.batches = [([f[r] for f in self.features], self.emotions[r], self.valences[r]) for r in self.rows]

    def train(self, count):
        for _ in range(count):
            batch = self.batches[self.done % len(self.batches)]
            self.loss = train_step(self.model, self.optimizer, *batch, self.clip)
            self.done += 1
        return [self.loss.item()]  # waits

    @torch.no_grad()
    def evaluate(self, count):
        """Forward passes, including the model's own losses; outputs are copied to the host."""
        self.model.eval()
        for i in range(count):
            inputs, _, _ = self.batches[i % len(self.batches)]
            kept = [output.cpu() for output in self.model(inputs)[1:3] if output is not None]
        return [output.abs().mean().item() for output in kept]


def run_steps(parser, options):
    common.finish(parser, options, models.DEFAULTS, models.NEED_FRAMES)
    torch_training.prepare(options)
    model = torch_training.make_model(options, 0)
    optimizer = make_optimizer(model.parameters(), 1e-3, 1e-5, options.fused)
    steps = Cut(options, model, optimizer, common.Data(options).rows[:, 0])
    about = torch_training.about(options, "fused Adam" if options.fused else "Adam")
    evaluate = steps.evaluate if options.evaluate else None
    common.measure(options, about, models.weights_of(model), steps.train, evaluate=evaluate)


def run_sweep(_, options):
    import sweep  # needs h5py, which `steps` does not

    options.precision, options.device, options.seed = "highest", "cpu", 1
    torch_training.prepare(options)
    # The first optimiser of a process imports large parts of PyTorch, which is not to be timed.
    model = models.build("attention", [2, 2, 2], "utt", 2, 1, {"hidden_dim": 2})
    batch = [torch.zeros(2, 2)] * 3, torch.zeros(2, dtype=torch.long), torch.zeros(2)
    train_step(model, make_optimizer(model.parameters(), 1e-3, 1e-5), *batch)
    began = time.perf_counter()
    result = torch_training.about(options, "Adam")
    result |= sweep.train_plan(options.plan, options.data, options.shard, options.limit)
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes = parser.add_subparsers(dest="mode", required=True)

    steps = modes.add_parser("steps", help="training steps on random data")
    common.add_options(steps)
    steps.add_argument("--fused", action="store_true", help="PyTorch's fused Adam instead of its default")
    steps.add_argument("--evaluate", action="store_true", help="then time evaluations, too")
    steps.set_defaults(run=run_steps)

    sweep = modes.add_parser("sweep", help="a whole plan")
    sweep.add_argument("plan", metavar="PLAN.json")
    sweep.add_argument("--data", help="folder of the corpora (default: the plan's)")
    sweep.add_argument("--shard", default="0/1", metavar="I/N", help="every N-th cell, from cell I")
    sweep.add_argument("--limit", type=common.at_least(1), help="stop after so many runs (to extrapolate)")
    sweep.add_argument("--threads", type=common.at_least(1), default=1, help="threads inside each operation")
    sweep.add_argument("--json", action="store_true", help="one line of JSON")
    sweep.set_defaults(run=run_sweep)

    options = parser.parse_args()
    options.run(steps, options)


if __name__ == "__main__":
    main()
