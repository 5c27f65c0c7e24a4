"""Prints the table of bench/compare.sh --all, one line per model, from the results of its processes."""

import argparse
import os
import statistics

import report

MODELS = "attention tfn lmf misa mmim mfn graph_mfn mfm mctn mult".split()
OURS = "merbench-threads"
# Sides that train one model at a time; the table shows the fastest, because they use threads differently.
SERIAL = {"torch-threads": "threads", "torch-processes": "processes"}
MANY = {"torch_fused_adam-threads": "PyTorch at once", "jax_highest-threads": "JAX"}
BUSY = 0.2  # relative spread of rounds (highest - lowest) from which on they are reported


def rates_of(rounds, key):
    """The sum over the processes of every round; empty if the side did not measure it."""
    return [sum(p[key] for p in processes) for processes in rounds if all(key in p for p in processes)]


def load_model(folder):
    """The results of all sides for one model; None if there are none."""
    rounds = {name: report.load(folder, name + "-*") for name in (OURS, *SERIAL, *MANY)}
    rounds = {name: found for name, found in rounds.items() if found}
    if OURS not in rounds:
        return None
    first = {name: found[0][0] for name, found in rounds.items()}
    for name, peer in first.items():
        if name != OURS:
            report.check_work(first[OURS], peer)
    mine = [r[0] for r in rounds[OURS]]
    training = {name: rates_of(found, "steps_per_second") for name, found in rounds.items()}
    evaluation = {name: rates_of(found, "evaluated_rows_per_second") for name, found in rounds.items()}
    return {
        "training": training,
        "evaluation": {name: rates for name, rates in evaluation.items() if rates},
        "floor": floor_of(mine),
        "first": first,
        "ceilings": mine,
    }


def floor_of(mine):
    """The least microseconds per model-step that the machine allows, and the limit: memory or arithmetic."""
    memory = statistics.median(r["floor_microseconds"] for r in mine)
    arithmetic = statistics.median(2e-3 * r["multiply_accumulates"] / r["peak_gigaflops"] for r in mine)
    binds = "memory" if memory >= arithmetic else "arithmetic"
    return {"memory": memory, "arithmetic": arithmetic, "microseconds": max(memory, arithmetic), "binds": binds}


def fastest(rates, names):
    """(name, median) of the fastest side among `names`; (None, None) if none was measured."""
    middle = {n: statistics.median(rates[n]) for n in names if n in rates}
    return max(middle.items(), key=lambda item: item[1]) if middle else (None, None)


def ratio(result, what, names):
    """merbench over the fastest of the sides, or None."""
    _, peer = fastest(result[what], names)
    return statistics.median(result[what][OURS]) / peer if peer and OURS in result[what] else None


def number(value):
    return "-" if value is None else f"{value:.0f}" if value >= 1000 else f"{value:.1f}"


def times(value):
    return "-" if value is None else f"{value:.2f} x"


def line(name, result):
    ours = result["first"][OURS]
    rate = statistics.median(result["training"][OURS])
    side, peer = fastest(result["training"], SERIAL)
    side_evaluating, peer_evaluating = fastest(result["evaluation"], SERIAL)
    return (
        name,
        f"{ours['weights']}",
        number(rate),
        number(peer),
        SERIAL.get(side, "-"),
        times(ratio(result, "training", SERIAL)),
        f"{1e-4 * result['floor']['microseconds'] * rate:.1f} %",
        result["floor"]["binds"],
        *(times(ratio(result, "training", [many])) for many in MANY),
        number(fastest(result["evaluation"], [OURS])[1]),
        number(peer_evaluating),
        SERIAL.get(side_evaluating, "-"),
        times(ratio(result, "evaluation", SERIAL)),
    )


HEADERS = (
    ("", "", "training", "", "", "", "", "", "", "", "evaluation", "", "", ""),
    ("model", "weights", "merbench", "PyTorch", "by", "merbench is", "of the floor", "bound by")
    + tuple("to " + text for text in MANY.values())
    + ("merbench", "PyTorch", "by", "merbench is"),
)


def show_spread(results):
    for name, result in results.items():
        for what in ("training", "evaluation"):
            for side, rates in result[what].items():
                spread = (max(rates) - min(rates)) / statistics.median(rates)
                if spread > BUSY:
                    print(f"{name}, {what}, {side}: the rounds are {100 * spread:.0f} % apart")


def show_settings(results):
    """The name of a model, with the settings that are not those of all models."""
    for name, result in results.items():
        ours = result["first"][OURS]
        frames = "" if ours["feature_type"] == "utt" else f" of {ours['frames']} frames"
        print(
            f"{name}: {ours['feature_type']}{frames}, dims {ours['dims']}, batch {ours['batch_size']}, "
            f"evaluation {ours['evaluation_rows']} rows at a time, {ours['options']}"
        )


def compare(folder, cores):
    found = {name: load_model(os.path.join(folder, name)) for name in MODELS}
    results = {name: result for name, result in found.items() if result}
    sides = [side for result in results.values() for side in result["first"].values()]
    engines = dict.fromkeys(side["engine"] for side in sides)
    ours = next(iter(results.values()))["first"][OURS]
    count = len(cores.split(","))
    print(f"{report.processor()}, cores {cores}; {ours['device']}; {', '.join(engines)}")
    print("training: model-steps per second; evaluation: rows per second;",
          f"PyTorch: {count} threads or {count} processes\n")
    report.show([*HEADERS, *(line(name, result) for name, result in results.items())])
    print()
    show_settings(results)
    show_spread(results)
    return {"kind": "all", "device": ours["device"], "models": results}


def bars(result):
    """(label, ratio, column) from the bottom up: 0 training, 1 evaluation"""
    for name, model in reversed(result["models"].items()):
        for column, what in ((1, "evaluation"), (0, "training")):
            value = ratio(model, what, SERIAL)
            if value is not None:
                yield name, value, column


def draw(result, path):
    """Two bars per model: how many times faster than PyTorch merbench trains and evaluates."""
    names = list(reversed(result["models"]))
    drawn = list(bars(result))
    if not drawn:
        return
    places = [(names.index(name) + (0.2 if column == 0 else -0.2), value, column) for name, value, column in drawn]
    most = max(value for _, value, _ in drawn)
    least = min(0.5, *(value / 2 for _, value, _ in drawn))
    blocks = []
    for column in (0, 1):
        rows = [f'{place:.2f} {value:.6g} "{value:.1f}"' for place, value, c in places if c == column]
        blocks += [f"$column{column} << END", *(rows or ["NaN NaN ''"]), "END"]
    ticks = ", ".join(f"'{name}' {i}" for i, name in enumerate(names))
    boxes = "using ({least:.6g}):1:({least:.6g}):2:($1-0.18):($1+0.18) with boxxyerror".format(least=least)
    labels = "using 2:1:3 with labels left offset 0.5,0 notitle"
    report.gnuplot(
        path,
        80 + 50 * len(names),
        [
            *blocks,
            "set logscale x; set grid x; set style fill solid 0.6; set ytics nomirror; set xtics nomirror",
            f"set ytics ({ticks}) noenhanced; set yrange [-0.6:{len(names) - 0.4}]",
            "set xlabel 'merbench, times PyTorch'; set key outside top center horizontal",
            f"set xrange [{least:.6g}:{most * 3:.6g}]; set arrow 1 from 1,graph 0 to 1,graph 1 nohead front",
            f"plot $column0 {boxes} title 'training', $column1 {boxes} title 'evaluation', "
            f"$column0 {labels}, $column1 {labels}",
        ],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--cores", required=True)
    parser.add_argument("--save", metavar="FOLDER")
    parser.add_argument("--plot", metavar="FILE", help="a figure of the ratios, SVG or PNG")
    options = parser.parse_args()
    result = compare(options.folder, options.cores)
    if options.save:
        report.save(result, options.save, options.cores)
    if options.plot:
        draw(result, options.plot)


if __name__ == "__main__":
    main()
