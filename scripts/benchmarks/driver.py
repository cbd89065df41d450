"""Starts the workers, takes turns between them and collects what they report."""

import contextlib
import itertools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
MODES = ("inference", "training")
LAYOUTS = ("contiguous", "channels_last")
PACKAGES = {"torchdeq": "torch torchdeq", "deepinv": "torch torchvision deepinv"}
WARM_UP = 2
PAUSE = 0.3  # seconds between two runs: threads of the last one may still spin


class MissingError(Exception):
    """The worker's interpreter cannot import its library."""


class Worker:
    """One library in a process of its own, which computes only while it is asked to.

    `started` holds the versions and the memory after its imports. This process must stay small:
    a child's peak memory starts from its parent's. The programs are those of `module`, by default
    worker_NAME.
    """

    def __init__(self, name: str, python: str, config: dict, module: str | None = None):
        self.name = name
        threads = str(config["threads"])
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        self._process = subprocess.Popen(
            [python, str(HERE / "serve.py"), module or f"worker_{name}", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("TF_JFB_TRACEBACK") else subprocess.DEVNULL,
            text=True,
            env={**os.environ, **dict.fromkeys(names, threads), **quiet},
        )
        try:
            self.started = self._answer()
        except BaseException:
            self.close()
            raise

    def prepare(self, mode: str) -> dict:
        """Builds the program of `mode`, runs it until it is warm and returns the last run."""
        reply = self.once(mode)
        for _ in range(WARM_UP - 1):
            reply = self.run()
        return reply

    def once(self, mode: str) -> dict:
        """Builds the program of `mode` and returns its first run."""
        return self._ask({"do": "prepare", "mode": mode})

    def run(self) -> dict:
        """One run: its seconds, its result and the process' peak memory so far."""
        time.sleep(PAUSE)
        return self._ask({"do": "run"})

    def close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.kill()
        self._process.wait()

    def _ask(self, request: dict) -> dict:
        with contextlib.suppress(BrokenPipeError):  # the end of the answers says why
            print(json.dumps(request), file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"The {self.name} worker ended with exit code {self._process.wait()}; "
                "TF_JFB_TRACEBACK=1 shows what it printed."
            )
        reply = json.loads(line)
        if "missing" in reply:
            raise MissingError(reply["missing"])
        if "error" in reply:
            raise RuntimeError(f"The {self.name} worker failed: {reply['error']}")
        return reply


def measure(args) -> dict:
    """Raw figures: per size and mode, each worker's seconds, result and peak memory."""
    config = _config(args)
    missing = find_missing(args.peers, args.peer_python, config)
    peers = [peer for peer in args.peers if peer not in missing]
    layouts = {peer: choose_layouts(peer, args, config) for peer in peers}
    figures, versions = {}, {}
    with contextlib.closing(Worker("floor", sys.executable, config)) as floor:
        for size, mode in itertools.product(args.sizes, args.modes):
            say(f"{size} x {size}, {mode}")
            with contextlib.ExitStack() as stack:
                workers = _start(stack, args, {**config, "size": size}, mode, layouts)
                turns = take_turns([*workers, floor], mode, args.runs)
                _check_counts(turns, mode, args.evaluations)
                figures.setdefault(size, {})[mode] = turns
                for worker in (*workers, floor):
                    versions |= worker.started["versions"]
    return {"sizes": figures, "layouts": layouts, "versions": versions, "missing": missing}


def find_missing(peers: list, python: str, config: dict) -> dict:
    """Peers that `python` cannot import, and why; says so, and how to install them."""
    missing = {}
    for peer in peers:
        try:
            Worker(peer, python, config).close()
        except MissingError as error:
            missing[peer] = str(error)
            say(
                f"{peer} is missing ({error}); {python} -m pip install "
                f"{PACKAGES[peer]} (extra `benchmarks`; setup.cfg: CPU builds)"
            )
    return missing


def choose_layouts(peer: str, args, config: dict) -> dict:
    """The peer's layout per mode."""
    return {mode: choose_layout(peer, args, config, mode) for mode in args.modes}


def choose_layout(peer: str, args, config: dict, mode: str, module: str | None = None) -> str:
    """The layout as asked, or the faster one at the size nearest to 128."""
    if args.peer_layout != "fastest":
        return args.peer_layout
    config = {**config, "size": min(args.sizes, key=lambda s: abs(s - 128))}
    seconds = {}
    for layout in LAYOUTS:
        worker = Worker(peer, args.peer_python, {**config, "layout": layout}, module)
        with contextlib.closing(worker):
            worker.prepare(mode)
            seconds[layout] = statistics.median(worker.run()["seconds"] for _ in range(3))
    return min(seconds, key=seconds.get)


def take_turns(workers: list, mode: str, runs: int) -> dict:
    """`runs` rounds in which every worker runs once, to and fro, after a warm-up of each."""
    last = {worker.name: worker.prepare(mode) for worker in workers}
    rounds = {worker.name: [] for worker in workers}
    for number in range(runs):
        for worker in workers[:: 1 if number % 2 == 0 else -1]:
            last[worker.name] = worker.run()
            rounds[worker.name].append(last[worker.name])
    return {
        worker.name: {
            "seconds": [r["seconds"] for r in rounds[worker.name]],
            "result": [r["result"] for r in rounds[worker.name]],
            "peak_mib": last[worker.name]["peak_mib"],
            "imports_mib": worker.started["peak_mib"],
        }
        for worker in workers
    }


def _check_counts(turns: dict, mode: str, evaluations: int) -> None:
    expected = evaluations + (mode == "training")
    for name, figures in turns.items():
        counts = set(figures["result"])
        if name != "floor" and counts != {expected}:
            raise RuntimeError(
                f"Every library must evaluate T {expected} times for {mode}. "
                f"Received: {name}={counts}"
            )


def _start(stack, args, config: dict, mode: str, layouts: dict) -> list:
    """Workers of tf_jfb and of each peer, closed with `stack`: new ones, for their peak memory."""
    workers = []
    for name in ("tf_jfb", *layouts):
        python = args.peer_python if name in layouts else sys.executable
        layout = layouts[name][mode] if name in layouts else LAYOUTS[0]
        worker = Worker(name, python, {**config, "layout": layout})
        workers.append(stack.enter_context(contextlib.closing(worker)))
    return workers


def _config(args) -> dict:
    names = ("batch", "depth", "channels", "evaluations", "threads", "product", "jit_compile")
    return {
        **{name: getattr(args, name) for name in names},
        "lipschitz": args.lipschitz or None,
        "gain": 0.05,
        "size": min(args.sizes),
        "layout": LAYOUTS[0],
    }


def say(text: str) -> None:
    print(f"benchmark.py: {text}", file=sys.stderr)
