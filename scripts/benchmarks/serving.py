"""Ten minutes of mixed load on `tf-jfb serve`, every answer checked, and what batching is worth.

Many clients ask at once for pictures of 64 to 256 pixels a side, with blurs, deadlines and bad
input among them; in the middle a new version of the model comes and a replica is killed. Every
answer must be the model's own picture within 1e-5 (and its 16 bits) after as many evaluations, or
an error that says why. Before it, shorter runs without faults, with batching and without.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _cli
import numpy as np
import psutil

EXAMPLE = """
examples:
  python scripts/benchmarks/serving.py --minutes 10 --output serving.json
  python scripts/benchmarks/serving.py --minutes 1 --compare 0.3

Needs the extra serve.
"""
NAME = "deblur"


def parser():
    p = _cli.Parser(description=__doc__, epilog=EXAMPLE)
    p.add_argument("--model", default="saved_models/deblur", help="of any blur (%(default)s)")
    p.add_argument("--minutes", type=float, default=10.0, help="of mixed load (%(default)s)")
    p.add_argument("--compare", type=float, default=1.0, help="minutes of each comparison (1)")
    p.add_argument("--clients", type=int, default=8, help="that ask at once (%(default)s)")
    p.add_argument("--replicas", type=int, default=2, help="of the server (%(default)s)")
    p.add_argument("--pool", type=int, default=20, help="different requests (%(default)s)")
    p.add_argument("--cap", type=int, default=12, help="evaluations of a request (%(default)s)")
    p.add_argument("--output", help="JSON to write")
    return p


class Server:
    """`tf-jfb serve` in a process of its own, with its memory looked at every two seconds."""

    def __init__(self, models, folder, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        start = "import _tf_jfb_command as c, sys; sys.exit(c.main())"
        command = [sys.executable, "-c", start, "serve", "--models", models, "--port", self.port]
        self.log = open(pathlib.Path(folder) / "server.log", "a")  # noqa: SIM115
        environment = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])}
        self.process = subprocess.Popen(
            list(map(str, [*command, *options])), stdout=self.log, stderr=self.log, env=environment
        )
        self.memory, self._started, self._ended = [], time.monotonic(), threading.Event()
        self._wait_until_ready()
        threading.Thread(target=self._look, daemon=True).start()

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return json.load(answer)

    def solves(self) -> tuple:
        """(images, solves) so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = dict(row.rsplit(b" ", 1) for row in answer.read().splitlines())
        names = (b"tf_jfb_batch_images_sum", b"tf_jfb_batch_images_count")
        return tuple(float(lines.get(name, 0)) for name in names)

    def kill_a_replica(self) -> None:
        """Of those that the server itself has started."""
        those = [p for p in self._processes() if "ServeReplica" in p.name() + " ".join(p.cmdline())]
        os.kill(those[0].pid, signal.SIGKILL)

    def end(self) -> int:
        """Its exit code, after it has answered what it has taken."""
        self._ended.set()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(120)
        self.log.close()
        return code

    def _wait_until_ready(self) -> None:
        while time.monotonic() < self._started + 240:
            try:
                self.get("/readyz")
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.5)
        raise RuntimeError(f"the server did not start: see {self.log.name}")

    def _processes(self) -> list:
        me = psutil.Process(self.process.pid)
        return [me, *me.children(recursive=True)]

    def _look(self) -> None:
        while not self._ended.wait(2.0):
            try:
                used = sum(p.memory_full_info().uss for p in self._processes())
            except psutil.Error:  # one has ended meanwhile
                continue
            self.memory.append((time.monotonic() - self._started, used / 2**20))


def main() -> None:
    args = parser().parse_args()
    _cli.import_tensorflow(keep_memory=True)
    import serving_load as load

    truth, asks = load.Truth(args.model), load.pool(args.pool, args.cap)
    known = {"load_before": os.getloadavg(), "cores": os.cpu_count(), "clients": args.clients}
    known["bare"] = _quantiles(truth.time(asks))
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        models, folder = pathlib.Path(folder) / "models", pathlib.Path(folder)
        newest = truth.model.folder
        shutil.copytree(newest, models / NAME / "1")
        small = [ask for ask in asks if ask.index % len(load.SIDES) == 0]
        known["bare_small"] = _quantiles(truth.time(small))
        for size, those in (("of 64 pixels", small), ("of all sizes", asks)):
            for how, options in (("batched", ()), ("one by one", ("--batch", 1))):
                name = f"{size}, {how}"
                known[name] = _compared(args, load, those, models, folder, options)
                print(name, json.dumps(known[name]), file=sys.stderr, flush=True)
        known["mixed"] = _mixed(args, load, (truth, asks), models, folder, newest)
    known["load_after"] = os.getloadavg()
    text = json.dumps(known, indent=1)
    print(text)
    if args.output:
        pathlib.Path(args.output).write_text(text + "\n")


def _compared(args, load, asks, models, folder, options) -> dict:
    """Throughput and latency without faults, in one process."""
    server = Server(models, folder, "--plain", *options)
    try:
        load.Clients(server.port, NAME, asks, args.clients, folder, False).stop()  # to warm up
        before = server.solves()
        clients = load.Clients(server.port, NAME, asks, args.clients, folder, False)
        time.sleep(60 * args.compare)
        told = clients.stop()
        seconds = time.monotonic() - clients.started
        images, solves = np.subtract(server.solves(), before)
    finally:
        server.end()
    answered = [one.seconds for one in told if one.code == 200]
    rates = {"per_second": len(answered) / seconds, "images_per_solve": images / max(1, solves)}
    return _quantiles(answered) | rates | {"lost": len(told) - len(answered)}


def _mixed(args, load, own, models, folder, newest) -> dict:
    """The main run, with a new version after 40 % of it and a killed replica after 60 %."""
    (truth, asks), seconds = own, 60 * args.minutes
    server = Server(models, folder, "--replicas", args.replicas)
    try:
        clients = load.Clients(server.port, NAME, asks, args.clients, folder, True)
        time.sleep(0.4 * seconds)
        shutil.copytree(newest, models / ".new")
        (models / ".new").rename(models / NAME / "2")
        time.sleep(0.2 * seconds)
        server.kill_a_replica()
        killed = time.monotonic() - clients.started
        time.sleep(0.4 * seconds)
        told, taken = clients.stop(), time.monotonic() - clients.started
    finally:
        code = server.end()
    memory = server.memory
    found = _checked(told, truth, folder, load.TOLERANCE) | {"killed_at": killed, "exit_code": code}
    return found | {"per_second": len(told) / taken, "memory_mib": _memory(memory)}


def _checked(told, truth, folder, tolerance) -> dict:
    """What became of all requests."""
    good = [one for one in told if one.code == 200]
    errors = {}
    for one in told:
        if one.code != 200:
            key = f"{one.code} {one.reason[:90]}"
            errors[key] = errors.get(key, 0) + 1
    differences = [truth.difference(one, folder) for one in good]
    refused = [one for one in told if one.ask.bad]
    return {
        "requests": len(told),
        "answered": len(good),
        "by_version": {v: sum(one.version == v for one in good) for v in ("1", "2")},
        "with_deadline": sum(one.ask.deadline is not None for one in good),
        "largest_difference": max(differences, default=0.0),
        "beyond_tolerance": sum(d > tolerance for d in differences),
        "bad_refused": sum(400 <= one.code < 500 for one in refused),
        "bad": len(refused),
        "good_not_answered": sum(one.code != 200 for one in told if not one.ask.bad),
        "no_answer_at_all": sum(one.code == 0 for one in told),
        "errors": errors,
        **_quantiles([one.seconds for one in good]),
    }


def _quantiles(seconds) -> dict:
    if not seconds:
        return {}
    p50, p99 = np.quantile(seconds, [0.5, 0.99])
    return {"mean_s": float(np.mean(seconds)), "p50_s": float(p50), "p99_s": float(p99)}


def _memory(samples, parts: int = 10) -> list[int]:
    """Medians of the samples, cut into as many parts."""
    used = [value for _, value in samples]
    return [int(np.median(part)) for part in np.array_split(used, parts) if len(part)]


if __name__ == "__main__":
    _cli.run(main)
