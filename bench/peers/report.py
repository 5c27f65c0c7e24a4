"""The table of bench/compare.sh, from the files that its processes left."""

import argparse
import glob
import json
import os
import platform
import re
import sqlite3
import statistics
import sys
import time


def load(folder, pattern):
    """One list of results a round, the processes of a round together."""
    rounds = {}
    for path in sorted(glob.glob(os.path.join(folder, pattern + ".*.json"))):
        with open(path, encoding="utf-8") as file:
            rounds.setdefault(path.rsplit(".", 2)[0], []).append(json.load(file))
    return list(rounds.values())


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return re.search(r"model name\s*:\s*(.*)", file.read()).group(1).strip()
    except (OSError, AttributeError):
        return platform.machine()


def show(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("  ".join(cells))


ROWS = (
    ("merbench-threads", "merbench, one process, {n} threads"),
    ("merbench-processes", "merbench, {n} processes of 1 thread"),
    ("torch-threads", "PyTorch, one process, {n} threads"),
    ("torch-processes", "PyTorch, {n} processes of 1 thread"),
    ("torch_fused-processes", "the same, fused Adam"),
)


def compare_steps(folder, cores):
    rates, first = {}, {}
    for name, _ in ROWS:
        rounds = load(folder, name + "-*")
        sums = [sum(p["steps_per_second"] for p in processes) for processes in rounds]
        rates[name], first[name] = sums, rounds[0][0]
    ours, peer = first["merbench-threads"], first["torch-threads"]
    for key in ("dims", "hidden_dim", "batch_size", "dropout", "class_count", "value_count", "weights"):
        if ours[key] != peer[key]:
            sys.exit(f"compare: the two sides did different work: {key} {ours[key]} and {peer[key]}")
    best_peer = max(statistics.median(v) for k, v in rates.items() if k.startswith("torch"))
    print(f"{processor()}, cores {cores}; {ours['engine']} ({ours['device']}), {peer['engine']}")
    print(
        f"attention, dims {ours['dims']}, hidden {ours['hidden_dim']}, batch {ours['batch_size']}, "
        f"{ours['weights']} weights\n"
    )
    table = [("", "model-steps/s", "lowest", "highest", "to the best of PyTorch")]
    for name, text in ROWS:
        values = rates[name]
        middle = statistics.median(values)
        cells = (f"{middle:.1f}", f"{min(values):.1f}", f"{max(values):.1f}", f"{middle / best_peer:.2f} x")
        table.append((text.format(n=len(cores.split(","))), *cells))
    show(table)
    rounds = [r[0] for r in load(folder, "merbench-threads-*")]
    copy = statistics.median(r["copy_gigabytes_per_second"] for r in rounds)
    peak = statistics.median(r["peak_gigaflops"] for r in rounds)
    moved = statistics.median(r["gigabytes_per_second"] for r in rounds)
    flops = statistics.median(r["gigaflops"] for r in rounds)
    print(
        f"\nmerbench, threads: {moved:.1f} GB/s of weights and moments (ceiling {copy:.1f}), "
        f"{flops:.1f} Gflop/s (ceiling {peak:.1f})"
    )
    return {"kind": "steps", "rates": rates, "first": first, "ceilings": rounds}


def compare_sweep(folder, cores):
    with open(os.path.join(folder, "merbench.time"), encoding="utf-8") as file:
        began, ended = (float(t) for t in file.read().split())
    ours = ended - began
    with sqlite3.connect(os.path.join(folder, "results.db")) as ledger:
        runs = ledger.execute("SELECT count(*) FROM runs").fetchone()[0]
    (processes,) = load(folder, "torch-processes")
    done, asked = sum(p["runs"] for p in processes), sum(p["runs_in_shard"] for p in processes)
    if asked != runs:
        sys.exit(f"compare: the two sides did different work: {runs} and {asked} runs")
    # Each process on its own: what it trained, and the rest of its share at the same pace.
    peer = max(
        p["seconds"] - p["train_seconds"] + p["train_seconds"] * p["runs_in_shard"] / p["runs"] for p in processes
    )
    note = "" if done == asked else f" (from {done} of {asked} runs)"
    count = len(cores.split(","))
    print(f"{processor()}, cores {cores}; {processes[0]['engine']}; {processes[0]['plan']}: {runs} runs\n")
    table = [("", "seconds", "runs/s", "ratio")]
    table.append((f"merbench, one process, {count} threads", f"{ours:.2f}", f"{runs / ours:.2f}", f"{peer / ours:.2f} x"))
    table.append((f"PyTorch, {count} processes of 1 thread{note}", f"{peer:.2f}", f"{runs / peer:.2f}", "1.00 x"))
    show(table)
    return {"kind": "sweep", "runs": runs, "merbench_seconds": ours, "torch_seconds": peer, "torch": processes}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--cores", required=True)
    parser.add_argument("--save", metavar="FOLDER")
    parser.add_argument("kind", choices=("steps", "sweep"))
    options = parser.parse_args()
    compare = compare_steps if options.kind == "steps" else compare_sweep
    result = compare(options.folder, options.cores)
    if options.save:
        os.makedirs(options.save, exist_ok=True)
        name = re.sub(r"[^A-Za-z0-9]+", "-", processor()).strip("-").lower()
        path = os.path.join(options.save, f"{time.strftime('%Y-%m-%d')}-{name}.json")
        entries = []
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                entries = json.load(file)
        stamp = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "processor": processor(), "cores": options.cores}
        with open(path, "w", encoding="utf-8") as file:
            json.dump([*entries, stamp | result], file, indent=1)
            file.write("\n")
        print(f"\nadded to {path}")


if __name__ == "__main__":
    main()
