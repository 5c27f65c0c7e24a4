#!/usr/bin/env python3
"""A peer of the benchmarks: one model at a time, as fast as PyTorch can train it without changes to the model.

The whole step (gathering the batch, forward, loss, backward, fused Adam) is one captured CUDA graph. On the CPU, where
nothing can be captured, it is the eager step with fused Adam.
"""

import argparse

import common
import models
import torch_training


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_options(parser)
    options = common.finish(parser, parser.parse_args(), models.DEFAULTS, models.NEED_FRAMES)
    torch_training.prepare(options)
    on_gpu = options.device == "cuda"
    model = torch_training.make_model(options, 0)
    optimizer = torch_training.make_optimizer(model.parameters(), 1e-3, 1e-5, fused=True, capturable=on_gpu)
    steps = torch_training.Steps(options, model, optimizer, common.Data(options).rows[:, 0])
    if on_gpu:
        steps.capture()
    about = torch_training.about(options, "CUDA graph, fused Adam" if on_gpu else "fused Adam")
    common.measure(options, about, models.weights_of(model), steps.train)


if __name__ == "__main__":
    main()
