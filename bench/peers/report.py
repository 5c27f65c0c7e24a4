"""Prints the table of bench/compare.sh from the results of its processes."""

import argparse
import glob
import json
import os
import platform
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time


def load(folder, pattern):
    """A list of rounds, each a list of the results of its processes."""
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


# In the order of the table; {n}: cores, {a}: models.
ROWS = {
    "cpu": (
        ("merbench-threads", "merbench, one process, {n} threads"),
        ("merbench-processes", "merbench, {n} processes of 1 thread"),
        ("torch-threads", "PyTorch, one process, {n} threads"),
        ("torch-processes", "PyTorch, {n} processes of 1 thread"),
        ("torch_graphed-processes", "the same, fused Adam"),
        ("torch_fused-threads", "PyTorch, {a} models at once, {n} threads"),
        ("torch_fused_adam-threads", "the same, fused Adam"),
        ("jax_highest-threads", "JAX, {a} models at once, {n} threads"),
    ),
    "cuda": (
        ("merbench-gpu", "merbench, {a} models in lockstep"),
        ("torch-gpu", "PyTorch, one model after another"),
        ("torch_graphed-gpu", "the same, CUDA graph and fused Adam"),
        ("torch_fused-gpu", "PyTorch, {a} models at once"),
        ("torch_fused_adam-gpu", "the same, fused Adam"),
        ("jax_tf32-gpu", "JAX, {a} models at once, TF32"),
        ("jax_highest-gpu", "JAX, {a} models at once, float32"),
    ),
}
SAME_WORK = (
    "model dims feature_type frames hidden_dim batch_size dropout class_count value_count weights backend".split()
)


def check_work(ours, peer):
    """Checks that both sides trained the same models on the same amount of data."""
    for key in SAME_WORK:
        if ours[key] != peer[key]:
            sys.exit(f"compare: the sides did different work: {key} {ours[key]} and {peer[key]} ({peer['engine']})")
    for key in set(ours["options"]) & set(peer["options"]):
        if ours["options"][key] != peer["options"][key]:
            found = ours["options"][key], peer["options"][key]
            sys.exit(f"compare: the sides did different work: {key} {found[0]} and {found[1]} ({peer['engine']})")


def show_about(ours, peers, where):
    engines = dict.fromkeys([ours["engine"], *(p["engine"] for p in peers)])
    print(f"{where}; {ours['device']}; {', '.join(engines)}")
    frames = "" if ours["feature_type"] == "utt" else f" of {ours['frames']} frames"
    print(
        f"{ours['model']}, {ours['feature_type']}{frames}, dims {ours['dims']}, batch {ours['batch_size']}, "
        f"{ours['weights']} weights, {ours['models']} models\n{ours['options']}\n"
    )


def compare_steps(folder, cores):
    device = "cuda" if load(folder, "merbench-gpu-*") else "cpu"
    rates, first = {}, {}
    for name, _ in ROWS[device]:
        rounds = load(folder, name + "-*")
        if rounds:
            rates[name] = [sum(p["steps_per_second"] for p in processes) for processes in rounds]
            first[name] = rounds[0][0]
    main_row = ROWS[device][0][0]
    ours, peers = first[main_row], [first[name] for name in first if not name.startswith("merbench")]
    for peer in peers:
        check_work(ours, peer)
    middle = {name: statistics.median(values) for name, values in rates.items()}
    best = max((rate for name, rate in middle.items() if not name.startswith("merbench")), default=None)
    mine = [r[0] for r in load(folder, main_row + "-*")]
    floor = statistics.median(r["floor_microseconds"] for r in mine)
    show_about(ours, peers, f"{processor()}, cores {cores}" if device == "cpu" else ours["device"])
    header = ("", "model-steps/s", "lowest", "highest", "us each", "of the floor", "to the best peer", "merbench is")
    table, labels = [header], {}
    for name, text in ROWS[device]:
        labels[name] = text.format(n=len(cores.split(",")), a=ours["models"])
        if name not in rates:
            table.append((labels[name], *["-"] * 7))
            continue
        rate = middle[name]
        cells = [f"{rate:.1f}", f"{min(rates[name]):.1f}", f"{max(rates[name]):.1f}", f"{1e6 / rate:.2f}"]
        cells += [f"{1e-4 * floor * rate:.1f} %", f"{rate / best:.2f} x" if best else "-"]
        cells.append("" if name.startswith("merbench") else f"{middle[main_row] / rate:.2f} x")
        table.append((labels[name], *cells))
    show(table)
    if len(rates) < len(ROWS[device]):
        print("-: not measured; the reason is in a message above")
    copy = statistics.median(r["copy_gigabytes_per_second"] for r in mine)
    moved = statistics.median(r["gigabytes_per_second"] for r in mine)
    flops = statistics.median(r["gigaflops"] for r in mine)
    print(f"\nmerbench: {moved:.1f} GB/s of weights and moments (ceiling {copy:.1f}), {flops:.1f} Gflop/s", end="")
    print(f" (ceiling {ours['peak_gigaflops']:.1f})" if "peak_gigaflops" in ours else "")
    print(f"the floor, 24 bytes per weight at the ceiling: {floor:.2f} us per model-step")
    return {
        "kind": "steps",
        "device": ours["device"],
        "rates": rates,
        "labels": labels,
        "floor_microseconds": floor,
        "first": first,
        "ceilings": mine,
    }


def gnuplot(path, height, program):
    """Draws to a file, SVG or PNG depending on its name; prints a message if gnuplot is missing."""
    if shutil.which("gnuplot") is None:
        print("compare: gnuplot is not installed: no figure", file=sys.stderr)
        return
    terminal = "pngcairo" if path.endswith(".png") else "svg"
    quoted = path.replace("'", "''")
    start = [f"set terminal {terminal} size 900,{height} font 'sans,11'", f"set output '{quoted}'"]
    done = subprocess.run(["gnuplot"], input="\n".join(start + program) + "\n", text=True, capture_output=True)
    if done.returncode != 0 or done.stderr.strip():
        sys.exit(f"compare: gnuplot: {done.stderr.strip()}")
    print(f"drew {path}")


def plot(result, path):
    """Bars of the medians."""
    bars = [(result["labels"][n], statistics.median(v)) for n, v in result["rates"].items()]
    bars = [(text, rate) for text, rate in reversed(bars)]
    program = [
        "$bars << END",
        *(f'{i} {rate:.6g} "{text}" "{rate:.0f}"' for i, (text, rate) in enumerate(bars)),
        "END",
        "set logscale x; set xlabel 'model-steps a second'; unset key; set grid x",
        f"set yrange [-0.6:{len(bars) - 0.4}]; set ytics nomirror; set xtics nomirror; set style fill solid 0.6",
        f"set xrange [{min(r for _, r in bars) / 3:.6g}:{max(r for _, r in bars) * 3:.6g}]",
        f"low = {min(r for _, r in bars) / 3:.6g}",
        "plot $bars using (low):0:(low):2:($1-0.35):($1+0.35):ytic(3) with boxxyerror, "
        "'' using 2:1:4 with labels left offset 0.5,0",
    ]
    gnuplot(path, 80 + 40 * len(bars), program)


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
    # The time of each process, extrapolated to its whole share; then the mean, as if the shares had been equal.
    each = [
        p["seconds"] - p["train_seconds"] + p["train_seconds"] * p["runs_in_shard"] / max(1, p["runs"]) for p in processes
    ]
    peer = sum(each) / len(each)
    note = "" if done == asked else f" (from {done} of {asked} runs)"
    count = len(cores.split(","))
    print(f"{processor()}, cores {cores}; {processes[0]['engine']}; {processes[0]['plan']}: {runs} runs\n")
    table = [("", "seconds", "runs/s", "ratio")]
    table.append((f"merbench, one process, {count} threads", f"{ours:.2f}", f"{runs / ours:.2f}", f"{peer / ours:.2f} x"))
    table.append((f"PyTorch, {count} processes of 1 thread{note}", f"{peer:.2f}", f"{runs / peer:.2f}", "1.00 x"))
    show(table)
    return {"kind": "sweep", "runs": runs, "merbench_seconds": ours, "torch_seconds": peer, "torch": processes}


def save(result, folder, cores):
    os.makedirs(folder, exist_ok=True)
    device = result.get("device", "cpu")
    where = device.removeprefix("cuda ") if device.startswith("cuda") else processor()
    name = re.sub(r"[^A-Za-z0-9]+", "-", where).strip("-").lower()
    path = os.path.join(folder, f"{time.strftime('%Y-%m-%d')}-{name}.json")
    entries = []
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)
    stamp = {"time": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "processor": processor(), "cores": cores}
    with open(path, "w", encoding="utf-8") as file:
        json.dump([*entries, stamp | result], file, indent=1)
        file.write("\n")
    print(f"\nadded to {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--cores", required=True)
    parser.add_argument("--save", metavar="FOLDER")
    parser.add_argument("--plot", metavar="FILE", help="a figure of the steps, SVG or PNG")
    parser.add_argument("kind", choices=("steps", "sweep"))
    options = parser.parse_args()
    compare = compare_steps if options.kind == "steps" else compare_sweep
    result = compare(options.folder, options.cores)
    if options.save:
        save(result, options.save, options.cores)
    if options.plot and options.kind == "steps":
        plot(result, options.plot)


if __name__ == "__main__":
    main()
