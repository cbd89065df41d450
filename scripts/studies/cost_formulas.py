"""The cost of data-parallel training by formulas and by simulation: what cost_model.py computes.

Seconds and bytes are those of one step; networks, jitter and the faster device are assumptions.
"""

import dataclasses
import itertools
import math
import statistics
from typing import NamedTuple

import numpy as np

SCALINGS = ("weak", "strong")
METHODS = ("jfb", "unrolled")
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
