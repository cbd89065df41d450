"""What data-parallel training costs: step time against replicas, largest batch against evaluations.

Measures seconds and peak memory of training steps on one machine (Linux; the memory is the
host's), then computes what n replicas would take, by formulas and by simulation. The networks
between the replicas, the jitter of their times and the faster device are assumptions. See
docs/scaling.md.
"""

import argparse
import ctypes
import dataclasses
import itertools
import json
import math
import pathlib
import re
import statistics
import sys
import time
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLE = """
examples:
  python scripts/studies/cost_model.py --output runs/cost_model
  python scripts/studies/cost_model.py --output runs/cost_model --jitter 0.1  # measures nothing
"""
METHODS = ("jfb", "unrolled")
SCALINGS = ("weak", "strong")
EVALUATIONS = (5, 10, 20)  # of the solves whose memory is measured


class Link(NamedTuple):
    """A network between replicas."""

    name: str
    bandwidth: float  # bytes / s
    latency: float  # s, of one message to a neighbour


LINKS = (  # assumptions
    Link("1 Gbit/s", 0.125e9, 50e-6),
    Link("10 Gbit/s", 1.25e9, 30e-6),
    Link("100 Gbit/s", 12.5e9, 10e-6),
    Link("NVLink class", 300e9, 3e-6),
)


class Payload(NamedTuple):
    """What one step all-reduces."""

    bytes: int
    messages: int


@dataclasses.dataclass(frozen=True)
class Compute:
    """Seconds of a replica's step: fixed + batch (backward + evaluations * evaluation)."""

    fixed: float
    backward: float  # the recorded evaluation and the backward pass of an image
    evaluation: float  # of T, of an image

    def seconds(self, batch, evaluations):
        return self.fixed + batch * (self.backward + self.evaluation * evaluations)

    def window(self, batch):
        """Seconds of the backward pass alone, which an overlapped all-reduce hides behind."""
        return batch * max(self.backward - self.evaluation, 0.0)

    def faster(self, factor: float) -> "Compute":
        return Compute(*(value / factor for value in dataclasses.astuple(self)))


def parser() -> argparse.ArgumentParser:
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument(
        "--output",
        default="runs/cost_model",
        help="folder for results and figure; measurements in it are kept",
    )
    p.add_argument("--figure", help="default: cost_model.png in the output folder")
    p.add_argument("--depth", type=int, default=17, help="convolutions of the DnCNN")
    p.add_argument("--channels", type=int, default=64, help="width of the DnCNN")
    p.add_argument("--crop", type=int, default=64, help="side of the crops that are timed")
    p.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4], help="that are timed")
    p.add_argument("--evaluations", type=int, default=10, help="of a solve, then one recorded")
    p.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    p.add_argument("--lipschitz", type=float, help="norm bound of the network; default none")
    p.add_argument("--memory-batches", type=int, nargs="+", default=[1, 2, 3], help="JFB: x 4")
    p.add_argument("--memory", type=float, default=16.0, help="GiB that a batch must fit in")
    p.add_argument("--model", default=str(ROOT / "saved_models/celeba-g5s5/1"))
    p.add_argument("--images", type=int, default=32, help="whose evaluations are counted")
    p.add_argument("--cap", type=int, default=50, help="of the evaluations of an image")
    p.add_argument("--replicas", type=int, nargs="+", default=[2**i for i in range(11)])
    p.add_argument("--batch", type=int, default=4, help="per replica, weak scaling")
    p.add_argument("--global-batch", type=int, default=1024, help="strong scaling")
    p.add_argument("--jitter", type=float, default=0.05, help="sigma of the lognormal noise")
    p.add_argument("--spread", type=float, default=0.3, help="sigma of assumed evaluations")
    p.add_argument("--faster", type=float, default=100.0, help="factor of an assumed device")
    p.add_argument("--steps", type=int, default=2000, help="that are simulated")
    p.add_argument("--seed", type=int, default=0, help="of the simulation")
    p.add_argument("--one", nargs="+", metavar="CASE", help=argparse.SUPPRESS)
    return p


def main() -> None:
    args = parser().parse_args()
    if args.one:
        measure, *case = args.one
        print(json.dumps({"time": timed, "memory": peaks, "counts": counts}[measure](args, *case)))
        return
    folder = pathlib.Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    figure = args.figure or folder / "cost_model.png"
    _cli.check_folders(figure)
    results = study(args, measure_all(args, folder / "measured.json"))
    (folder / "results.json").write_text(json.dumps(results, indent=1))
    print(report(results))
    draw(results, figure)


# What is measured.


def measure_all(args, file: pathlib.Path) -> dict:
    """What `file` holds, and what it lacks: an interrupted study goes on."""
    names = ("depth", "channels", "lipschitz", "crop", "evaluations")
    problem = {name: getattr(args, name) for name in names}
    kept = json.loads(file.read_text()) if file.exists() else {"problem": problem}
    if kept["problem"] != problem:
        raise ValueError(f"{file} holds measurements of another problem: {kept['problem']}")
    memory = [("memory", *case) for case in itertools.product(METHODS, EVALUATIONS)]
    for case in [("time",), *memory, ("counts",)]:
        name = " ".join(map(str, case))
        if name not in kept:
            kept[name] = _cli.run_alone(*case)
            file.write_text(json.dumps(kept, indent=1))
    rows = {m: [kept[f"memory {m} {k}"] for k in EVALUATIONS] for m in METHODS}
    return {"problem": problem, "time": kept["time"], "counts": kept["counts"], "memory": rows}


def problem(args, evaluations: int, gradient: str = "jfb") -> tuple:
    """A DE-GRAD and its training step as a function of sharp images."""
    import tensorflow as tf

    import tf_jfb

    operator = tf_jfb.operators.GaussianBlur(5, 5.0)
    network = tf_jfb.networks.DnCNN(args.depth, args.channels, args.lipschitz, gain=0.05)
    solver = tf_jfb.solvers.Anderson(rtol=0.0, max_evaluations=evaluations)
    gradient = tf_jfb.gradients.named(gradient)
    model = tf_jfb.models.DEGrad(operator, network, solver, gradient)
    model.compile("adam")
    model.build((None, None, None, 3))
    model.optimizer.build(model.trainable_variables)

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def step(sharp):
        return model.train_step((operator(sharp), sharp))["evaluations"]

    step(images(1, 16))  # traces
    return model, step


def images(batch: int, size: int):
    import tensorflow as tf

    return tf.random.stateless_uniform([batch, size, size, 3], [0, 1])


def timed(args) -> dict:
    """Least seconds of a JFB step per (batch, evaluations), and what it all-reduces."""
    _cli.import_tensorflow()
    points, half = [], max(args.evaluations // 2, 2)
    for evaluations, batches in ((half, args.batches[-1:]), (args.evaluations, args.batches)):
        model, step = problem(args, evaluations)
        for batch in batches:
            seconds = least_seconds(step, images(batch, args.crop), args.runs, evaluations)
            points.append({"batch": batch, "evaluations": evaluations, "seconds": seconds})
    normalised = [conv.filters for conv in model.network.convs if conv.batch_norm]
    return {
        "points": points,
        "parameters": sum(math.prod(v.shape) for v in model.trainable_variables),
        "statistics": 2 * sum(normalised),  # mean and mean square of every channel
        "messages": 1 + len(normalised),  # all gradients in one, the statistics one per layer
    }


def least_seconds(step, sharp, runs: int, evaluations: int) -> float:
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        done = float(step(sharp))
        seconds.append(time.perf_counter() - start)
    if done != evaluations:
        raise RuntimeError(f"A solve ended early, after {done} of {evaluations} evaluations.")
    return min(seconds[1:])  # other work on the machine only adds to it


def peaks(args, method: str, evaluations: str) -> list:
    """Pairs of a batch and the peak memory of a step, in bytes."""
    _cli.import_tensorflow()
    k = int(evaluations)
    _, step = problem(args, k, {"jfb": "jfb", "unrolled": f"unrolled:{k + 1}"}[method])
    batches = [b * (4 if method == "jfb" else 1) for b in args.memory_batches]
    return [[batch, peak(step, images(batch, args.crop))] for batch in batches]


def peak(step, sharp) -> int:
    """The most bytes that the process holds while `step(sharp)` runs."""
    process = pathlib.Path("/proc/self")
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # gives back what earlier steps have left
    (process / "clear_refs").write_text("5")  # forgets the peak so far
    step(sharp).numpy()
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", (process / "status").read_text())[1])


def counts(args) -> list:
    """Evaluations that a trained model takes for each of some images."""
    _cli.import_tensorflow()
    import tensorflow as tf

    from tf_jfb import data
    from tf_jfb.training import load_run

    model, source = load_run(args.model), data.dead_leaves(args.images, args.crop)
    sharp = tf.stack([source[i] for i in range(args.images)])
    blurred = model.operator(sharp) + 0.005 * tf.random.stateless_normal(sharp.shape, [0, 2])
    return model.restore(blurred, max_evaluations=args.cap).evaluations.numpy().tolist()


# What follows from it: formulas.


def least_squares(columns: list, values: list) -> tuple:
    """Coefficients of `columns` and their standard errors."""
    rows, values = np.array(columns, float).T, np.array(values, float)
    solution, *_ = np.linalg.lstsq(rows, values)
    variance = np.square(rows @ solution - values).sum() / max(len(values) - len(columns), 1)
    return solution, np.sqrt(variance * np.diag(np.linalg.inv(rows.T @ rows)))


def fit_compute(points: list) -> Compute:
    batches = np.array([p["batch"] for p in points])
    evaluations = np.array([p["evaluations"] for p in points])
    columns = [np.ones(len(points)), batches, batches * evaluations]
    return Compute(*map(float, least_squares(columns, [p["seconds"] for p in points])[0]))


def fit_memory(rows: list, constant: bool) -> dict:
    """Bytes of the process, of an image, and of an image per evaluation; 0 where `constant`.

    Every row, of as many evaluations, is a program of its own size; `process` is the largest.
    `slope` and `error`: bytes of an image per evaluation where that is left free.
    """
    points = [(k, b, peak) for k, row in zip(EVALUATIONS, rows, strict=True) for b, peak in row]
    evaluations, batches, peaks = map(np.array, zip(*points, strict=True))
    columns = [*(evaluations == k for k in EVALUATIONS), batches, batches * evaluations]
    free, errors = least_squares(columns, peaks)
    *programs, image, evaluation = (
        [*least_squares(columns[:-1], peaks)[0], 0.0] if constant else free
    )
    fitted = max(programs) + batches * (image + evaluation * evaluations)
    return {
        "process": float(max(programs)),
        "image": float(image),
        "evaluation": float(evaluation),
        "slope": float(free[-1]),
        "error": float(errors[-1]),
        "misfit": float(np.abs(fitted / peaks - 1.0).max()),
    }


def bytes_per_image(fit: dict, evaluations: int) -> float:
    return fit["image"] + evaluations * fit["evaluation"]


def largest_batch(fit: dict, memory: float, evaluations: int) -> int:
    free = memory - fit["process"]
    return max(int(free // bytes_per_image(fit, evaluations)), 0)


def reduce_seconds(replicas: int, link: Link, payload: Payload) -> float:
    """Of a ring all-reduce: 2 (n - 1) rounds, in each of which a replica sends 1/n of a message."""
    rounds = 2 * (replicas - 1)
    return rounds / replicas * payload.bytes / link.bandwidth + rounds * (
        payload.messages * link.latency
    )


def slowest(replicas: int, jitter: float) -> float:
    """Expected largest of n lognormal factors, by Blom's approximation of a normal maximum."""
    return math.exp(
        jitter * statistics.NormalDist().inv_cdf((replicas - 0.375) / (replicas + 0.25))
    )


def step_seconds(factor, seconds: float, reduce: float, window: float = 0.0):
    """Time of a step whose slowest replica takes `factor` times `seconds`; may be an array."""
    return factor * seconds + np.maximum(reduce - factor * window, 0.0)


def threshold(compute: Compute, link: Link, payload: Payload, batch: int, evaluations: int):
    """Fewest replicas whose all-reduce takes more than a tenth of the compute; None beyond 1024."""
    limit = 0.1 * compute.seconds(batch, evaluations)
    counted = (n for n in range(2, 1025) if reduce_seconds(n, link, payload) > limit)
    return next(counted, None)


class Counts(NamedTuple):
    """Evaluations of an image: a lognormal variable, rounded up, at most `cap`."""

    mu: float
    sigma: float
    cap: int

    @classmethod
    def fit(cls, counts: list, cap: int) -> "Counts":
        logs = np.log(np.array(counts) - 0.5)
        return cls(float(logs.mean()), float(logs.std()), cap)

    def most(self, images: int) -> float:
        """Expected evaluations of the slowest of `images`: sum over k of 1 - F(k)^images."""
        normal = statistics.NormalDist(self.mu, max(self.sigma, 1e-9))
        below = (normal.cdf(math.log(k)) for k in range(1, self.cap))
        return 1.0 + sum(1.0 - p**images for p in below)

    def draw(self, rng, shape) -> np.ndarray:
        return np.minimum(np.ceil(rng.lognormal(self.mu, self.sigma, shape)), self.cap)


# What follows from it: simulation.


def study(args, measured: dict) -> dict:
    times = measured["time"]
    payload = Payload(4 * (times["parameters"] + times["statistics"]), times["messages"])
    compute = fit_compute(times["points"])
    speeds = {"measured": compute, f"{args.faster:g} x": compute.faster(args.faster)}
    counted = Counts.fit(measured["counts"], args.cap)
    spreads = {"measured": counted, "assumed": counted._replace(sigma=args.spread)}
    rng, evaluations = np.random.default_rng(args.seed), measured["problem"]["evaluations"]
    names = (
        "memory",
        "replicas",
        "batch",
        "global_batch",
        "jitter",
        "spread",
        "cap",
        "faster",
        "steps",
        "seed",
    )
    return {
        "measured": measured,
        "assumed": {**{n: getattr(args, n) for n in names}, "links": [x._asdict() for x in LINKS]},
        "payload": payload._asdict(),
        "compute": dataclasses.asdict(compute),
        "misfit": misfit(compute, times["points"]),
        "scaling": scaling(args, speeds, payload, evaluations, rng),
        "thresholds": thresholds(args, speeds, payload, evaluations),
        "stragglers": {
            name: stragglers(args, compute, model, rng) for name, model in spreads.items()
        },
        "memory": memory(args, measured, speeds, payload),
    }


def misfit(compute: Compute, points: list) -> float:
    """Largest relative distance of the fitted seconds to the measured ones."""
    fitted = [compute.seconds(p["batch"], p["evaluations"]) / p["seconds"] for p in points]
    return max(abs(ratio - 1.0) for ratio in fitted)


def scaling(args, speeds: dict, payload: Payload, evaluations: int, rng) -> list:
    """Mean seconds of a step and efficiency, per scaling, speed, link and number of replicas."""
    rows = []
    for n in args.replicas:
        noise = rng.lognormal(-(args.jitter**2) / 2, args.jitter, (args.steps, n)).max(axis=1)
        for kind, (speed, compute), link in itertools.product(SCALINGS, speeds.items(), LINKS):
            batch = args.batch if kind == "weak" else math.ceil(args.global_batch / n)
            if kind == "strong" and n > args.global_batch:
                continue
            seconds = compute.seconds(batch, evaluations)
            whole = compute.seconds(args.global_batch, evaluations)
            ideal = seconds if kind == "weak" else whole / n
            reduce, window = reduce_seconds(n, link, payload), compute.window(batch)
            row = {"scaling": kind, "speed": speed, "link": link.name, "replicas": n}
            row |= {"batch": batch, "compute": seconds, "reduce": reduce}
            for overlap, hidden in (("without", 0.0), ("with", window)):
                formula = step_seconds(slowest(n, args.jitter), seconds, reduce, hidden)
                simulated = step_seconds(noise, seconds, reduce, hidden).mean()
                row[overlap] = {
                    "formula": float(formula),
                    "simulated": float(simulated),
                    "efficiency": float(ideal / simulated),
                }
            rows.append(row)
    return rows


def thresholds(args, speeds: dict, payload: Payload, evaluations: int) -> list:
    """Per speed, and for a network that is evaluated once: replicas where the reduce matters."""
    few = Payload(payload.bytes, min(payload.messages, 2))
    cases = itertools.product(speeds.items(), (0, evaluations), (payload, few))
    return [
        {
            "speed": speed,
            "evaluations": k,
            "messages": sent.messages,
            "replicas": {x.name: threshold(compute, x, sent, args.batch, k) for x in LINKS},
        }
        for (speed, compute), k, sent in cases
    ]


def stragglers(args, compute: Compute, model: Counts, rng) -> dict:
    """Steps that end with the slowest image of the global batch; no jitter, no network."""
    rows, mean = [], model.most(1)
    alone = compute.seconds(args.batch, model.most(args.batch))
    for n in args.replicas:
        drawn = np.array([model.draw(rng, (n, args.batch)).max() for _ in range(args.steps)])
        seconds = float(compute.seconds(args.batch, drawn).mean())
        formula = compute.seconds(args.batch, model.most(n * args.batch))
        row = {"replicas": n, "images": n * args.batch, "simulated": float(drawn.mean())}
        row |= {"formula": model.most(n * args.batch), "needed": mean / float(drawn.mean())}
        row |= {"seconds": seconds, "seconds_formula": formula, "efficiency": alone / seconds}
        rows.append(row)
    return {**model._asdict(), "mean": mean, "rows": rows}


def memory(args, measured: dict, speeds: dict, payload: Payload) -> dict:
    """Fits per method, and what the largest batch does to the all-reduce's share of a step."""
    fits = {m: fit_memory(rows, m == "jfb") for m, rows in measured["memory"].items()}
    link, device, n = LINKS[1], list(speeds.values())[-1], 64
    rows, total, reduce = [], args.memory * 2**30, reduce_seconds(n, link, payload)
    for k in (1, 5, 10, 15, 20, 30, 50):
        row = {"evaluations": k}
        for method, fit in fits.items():
            largest = largest_batch(fit, total, k)
            share = reduce / device.seconds(largest, k)
            row[method] = {"image": bytes_per_image(fit, k), "batch": largest, "share": share}
        rows.append(row)
    return {"fits": fits, "rows": rows}


# What is shown.


def report(results: dict) -> str:
    """Everything as Markdown."""
    parts = [compute_text(results)]
    speeds = dict.fromkeys(row["speed"] for row in results["scaling"])
    parts += [scaling_table(results, *case) for case in itertools.product(SCALINGS, speeds)]
    parts += [difference_text(results), threshold_table(results), straggler_table(results)]
    return "\n\n".join([*parts, memory_table(results)])


def compute_text(results: dict) -> str:
    c, p, m = results["compute"], results["payload"], results["measured"]
    k = m["problem"]["evaluations"]
    per_image = c["backward"] + k * c["evaluation"]
    lines = [
        "| batch | evaluations | seconds |\n|---|---|---|",
    ]
    for row in m["time"]["points"]:
        lines.append(f"| {row['batch']} | {row['evaluations']} | {row['seconds']:.3f} |")
    once = Compute(**c)
    gain = once.seconds(1e9, k) / once.seconds(1e9, 0)
    return "\n".join(
        [
            *lines,
            "",
            f"seconds of a step: {c['fixed']:.4f} + {per_image:.4f} batch at {k} evaluations; "
            f"{c['evaluation']:.5f} per image and evaluation, {c['backward']:.4f} per image for "
            f"the recorded one and backward; misfit {100 * results['misfit']:.1f} %",
            f"parameters {m['time']['parameters']}, all-reduced {p['bytes']} bytes "
            f"({4 * m['time']['statistics']} of statistics) in {p['messages']} messages",
            f"compute per all-reduce: {gain:.1f} times that of one evaluation and its backward",
        ]
    )


def scaling_table(results: dict, kind: str, speed: str) -> str:
    """Efficiency without / with overlap."""
    rows = [r for r in results["scaling"] if (r["scaling"], r["speed"]) == (kind, speed)]
    head = f"{kind} scaling, compute {speed}: simulated efficiency without / with overlap"
    lines = [
        head,
        "",
        "| replicas | batch | compute (s) | " + " | ".join(x.name for x in LINKS) + " |",
    ]
    lines.append("|---" * (3 + len(LINKS)) + "|")
    for n, group in itertools.groupby(rows, lambda r: r["replicas"]):
        group = list(group)
        pairs = [f"{r['without']['efficiency']:.2f} / {r['with']['efficiency']:.2f}" for r in group]
        first = f"| {n} | {group[0]['batch']} | {group[0]['compute']:.4g} | "
        lines.append(first + " | ".join(pairs) + " |")
    return "\n".join(lines)


def difference_text(results: dict) -> str:
    differences = {
        overlap: max(abs(difference(r[overlap])) for r in results["scaling"])
        for overlap in ("without", "with")
    }
    rows = [row for case in results["stragglers"].values() for row in case["rows"]]
    waits = max(abs(r["seconds_formula"] / r["seconds"] - 1) for r in rows)
    return (
        "largest difference of formula and simulation: "
        + ", ".join(f"{100 * d:.2f} % {name} overlap" for name, d in differences.items())
        + f", {100 * waits:.2f} % stragglers"
    )


def difference(entry: dict) -> float:
    return entry["formula"] / entry["simulated"] - 1.0


def threshold_table(results: dict) -> str:
    head = "fewest replicas whose all-reduce takes more than a tenth of the compute"
    names = [x.name for x in LINKS]
    lines = [head, "", "| compute | evaluations | messages | " + " | ".join(names) + " |"]
    lines.append("|---" * (3 + len(names)) + "|")
    for row in results["thresholds"]:
        cells = [str(row["replicas"][name] or "none") for name in names]
        start = f"| {row['speed']} | {row['evaluations']} + 1 | {row['messages']} | "
        lines.append(start + " | ".join(cells) + " |")
    return "\n".join(lines)


def straggler_table(results: dict) -> str:
    counted = results["measured"]["counts"]
    lines = [
        f"evaluations of {len(counted)} images: {min(counted)} to {max(counted)}, mean "
        f"{statistics.mean(counted):.2f}"
    ]
    for name, case in results["stragglers"].items():
        lines += [
            "",
            f"{name}: mu {case['mu']:.3f}, sigma {case['sigma']:.3f}, mean {case['mean']:.2f}",
            "",
            "| replicas | images | slowest, simulated | formula | efficiency | mean / slowest |",
            "|---|---|---|---|---|---|",
        ]
        for r in case["rows"]:
            lines.append(
                f"| {r['replicas']} | {r['images']} | {r['simulated']:.2f} | {r['formula']:.2f} | "
                f"{r['efficiency']:.2f} | {r['needed']:.2f} |"
            )
    return "\n".join(lines)


def memory_table(results: dict) -> str:
    m, lines = results["memory"], []
    for method, fit in m["fits"].items():
        mib = {name: value / 2**20 for name, value in fit.items()}
        lines.append(
            f"{method}: {mib['process']:.0f} MiB + batch ({mib['image']:.1f} + "
            f"{mib['evaluation']:.1f} evaluations) MiB; misfit {100 * fit['misfit']:.1f} %; left "
            f"free: {mib['slope']:.2f} per evaluation, standard error {mib['error']:.2f}"
        )
    titles = [
        f"{x}, {method}" for method in METHODS for x in ("MiB per image", "largest batch", "R / C")
    ]
    lines += ["", "| evaluations | " + " | ".join(titles) + " |", "|---" * (1 + len(titles)) + "|"]
    for row in m["rows"]:
        cells = [
            f"{row[x]['image'] / 2**20:.1f} | {row[x]['batch']} | {row[x]['share']:.3f}"
            for x in METHODS
        ]
        lines.append(f"| {row['evaluations']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(results: dict, path) -> None:
    """Efficiency against replicas, what stragglers cost, and the largest batch."""
    _cli.import_tensorflow()
    from tf_jfb._plots import pyplot

    plt = pyplot()
    figure, axes = plt.subplots(2, 3, figsize=(13, 7.6), layout="constrained")
    speeds = dict.fromkeys(row["speed"] for row in results["scaling"])
    for row, kind in zip(axes, SCALINGS, strict=True):
        for axis, speed in zip(row, speeds, strict=False):
            draw_scaling(axis, results, kind, speed)
    draw_stragglers(axes[0, 2], results)
    draw_memory(axes[1, 2], results)
    for axis in axes.flat:
        axis.grid(alpha=0.3)
    for axis in (axes[0, 0], axes[0, 2], axes[1, 2]):
        axis.legend(fontsize=9, loc="lower left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_scaling(axis, results: dict, kind: str, speed: str) -> None:
    rows = [r for r in results["scaling"] if (r["scaling"], r["speed"]) == (kind, speed)]
    for color, link in enumerate(LINKS):
        own = [r for r in rows if r["link"] == link.name]
        for overlap, style in (("without", "-"), ("with", "--")):
            points = [[r["replicas"] for r in own], [r[overlap]["efficiency"] for r in own]]
            label = link.name if overlap == "without" else None
            axis.plot(*points, style, color=f"C{color}", label=label)
    axis.plot([], [], "k--", label="all-reduce overlapped")
    replica_axis(axis)
    device = "measured compute" if speed == "measured" else f"{speed[:-2]} times as fast (assumed)"
    amount = results["assumed"]["batch" if kind == "weak" else "global_batch"]
    share = f"{amount} images per replica" if kind == "weak" else f"{amount} images in all"
    axis.set(title=f"{kind} scaling, {share}\n{device}")


def replica_axis(axis) -> None:
    axis.set_xscale("log", base=2)
    axis.set_xticks([4**i for i in range(6)], [str(4**i) for i in range(6)])
    axis.set(xlabel="replicas", ylabel="efficiency", ylim=(0, 1.05))


def draw_stragglers(axis, results: dict) -> None:
    for color, (name, case) in enumerate(results["stragglers"].items(), 4):
        replicas = [r["replicas"] for r in case["rows"]]
        for key, style in (("efficiency", "-"), ("needed", ":")):
            label = f"evaluations {name} ($\\sigma$ = {case['sigma']:.2f})"
            values = [r[key] for r in case["rows"]]
            label = label if key == "efficiency" else None
            axis.plot(replicas, values, f"C{color}{style}", label=label)
    axis.plot([], [], "k:", label="mean evaluations / those of the slowest image")
    replica_axis(axis)
    axis.set(title="weak scaling, solves of unequal length\nno jitter, no network")


def draw_memory(axis, results: dict) -> None:
    m, total = results["memory"], results["assumed"]["memory"]
    evaluations = range(1, 51)
    for color, (method, fit) in enumerate(m["fits"].items()):
        batches = [largest_batch(fit, total * 2**30, k) for k in evaluations]
        label = {"jfb": "JFB", "unrolled": "gradient through the unrolled solve"}[method]
        axis.plot(evaluations, batches, f"C{color + 6}-", label=label)
    crop = results["measured"]["problem"]["crop"]
    axis.set_yscale("log")
    axis.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axis.set(title=f"largest batch of {crop} x {crop} crops\nin {total:g} GiB")
    axis.set(xlabel="evaluations of a solve", ylabel="images", ylim=(1, 1000))


if __name__ == "__main__":
    _cli.run(main)
