#!/usr/bin/env python3
"""Checks that the peers train alike: compares the losses of five steps from the same start weights, without dropout.

Every peer runs as in a measurement, only smaller; losses must agree to 1e-4. Exit code 1 if they do not.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
COMMON = ["--check", "--hidden", "16", "--rows", "64", "--dims", "40,50,30", "--frames", "4"]
EXTRA = {"mult": ["--set", "layers=1", "--set", "num_heads=4", "--set", "grad_clip=0.8"]}
MANY = ("attention", "lmf", "mult")
TOLERANCE = 1e-4


def peers(model, device):
    """(name, command), the serial one first"""
    serial = [("torch serial", ["torch_serial.py", "steps"]), ("torch, graphed or fused Adam", ["torch_graphed.py"])]
    if model not in MANY:
        return serial
    many = [
        ("torch, fused over models", ["torch_fused.py", "--models", "2"]),
        ("torch, fused over models, fused Adam", ["torch_fused.py", "--models", "2", "--fused"]),
    ]
    if device == "cuda":
        many.append(("torch, fused over models, graphed", ["torch_fused.py", "--models", "2", "--fused", "--graph"]))
    if importlib.util.find_spec("jax"):
        many.append(("jax", ["jax_vmap.py", "--models", "2"]))
    return serial + many


def losses(command):
    process = subprocess.run([sys.executable, *command], cwd=HERE, capture_output=True, text=True)
    if process.returncode != 0:
        sys.exit(f"check: {' '.join(command)}:\n{process.stderr.strip()}")
    return json.loads(process.stdout.splitlines()[-1])["losses"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("models", nargs="*", default=MANY, help="(attention lmf mult)")
    options = parser.parse_args()
    worst_of_all = 0.0
    for model in options.models:
        arguments = ["--model", model, "--device", options.device, *COMMON, *EXTRA.get(model, [])]
        found = {}  # model of the array -> its losses, from the first peer that trained it
        for name, command in peers(model, options.device):
            worst = 0.0
            for a, curve in enumerate(zip(*losses([*command, *arguments]))):
                known = found.setdefault(a, curve)
                # NaN agrees with nothing and must not pass.
                gaps = [abs(x - y) / abs(y) for x, y in zip(curve, known)]
                worst = max([worst, *(g if g == g else float("inf") for g in gaps)])
            worst_of_all = max(worst, worst_of_all)
            print(f"{model:12} {name:40} {worst:.1e}{'' if worst <= TOLERANCE else '   differs'}", flush=True)
    sys.exit(0 if worst_of_all <= TOLERANCE else 1)


if __name__ == "__main__":
    main()
