#!/usr/bin/env python3
"""A peer of the benchmarks: A models at once in PyTorch, fused horizontally.

Every linear map of the A models is one batched product, their parameters are stacked, and one Adam steps all of them.
attention and lmf (utterance-level features) and mult.
"""

import argparse

import common
import models
import torch_training


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    common.add_options(parser, models=True)
    parser.add_argument("--fused", action="store_true", help="PyTorch's fused Adam instead of its default")
    parser.add_argument("--graph", action="store_true", help="the step as a captured CUDA graph")
    defaults = {name: models.DEFAULTS[name] for name in models.MANY}
    options = common.finish(parser, parser.parse_args(), defaults, models.NEED_FRAMES)
    if options.graph and options.device != "cuda":
        parser.error("--graph is for --device cuda")
    torch_training.prepare(options)
    model = torch_training.make_model(options, options.models)
    optimizer = torch_training.make_optimizer(model.parameters(), 1e-3, 1e-5, options.fused, options.graph)
    steps = torch_training.Steps(options, model, optimizer, common.Data(options).rows)
    if options.graph:
        steps.capture()
    about = torch_training.about(options, "fused Adam" if options.fused else "Adam")
    common.measure(options, about, models.weights_of(model) // options.models, steps.train)


if __name__ == "__main__":
    main()
