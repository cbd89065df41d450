"""What Prometheus is told."""

import itertools

import prometheus_client as prometheus

from tf_jfb.serving.server.jobs import records

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
RESIDUALS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


class Metrics:
    """Of one server, in a registry of its own."""

    def __init__(self):
        self.registry = registry = prometheus.CollectorRegistry()
        of_model = ["model", "version"]

        def histogram(name, text, labels=(), **options):
            return prometheus.Histogram(name, text, labels, registry=registry, **options)

        self.seconds = histogram(
            "tf_jfb_request_seconds", "Of requests, to the answer.", ["method", "route", "code"]
        )
        self.queue = prometheus.Gauge(
            "tf_jfb_requests_working", "Requests that wait or are worked on.", registry=registry
        )
        self.batch = histogram("tf_jfb_batch_images", "Images of a solve.", buckets=COUNTS)
        self.solve = histogram("tf_jfb_solve_seconds", "Of solves.", of_model)
        self.evaluations = histogram(
            "tf_jfb_evaluations", "Of images' solves.", of_model, buckets=COUNTS
        )
        self.residual = histogram(
            "tf_jfb_residual", "Relative residual of images.", of_model, buckets=RESIDUALS
        )
        self.images = prometheus.Counter(
            "tf_jfb_images", "Images by how they ended.", [*of_model, "status"], registry=registry
        )
        self._solves, self._taken = 0, 0.0

    def observe(self, batch, outcomes, seconds: float) -> None:
        """Takes in a solve of jobs, or of calls, `batch`."""
        labels = (batch[0].version.name, str(batch[0].version.version))
        self._solves, self._taken = self._solves + 1, self._taken + seconds
        self.batch.observe(sum(job.images for job in batch))
        self.solve.labels(*labels).observe(seconds)
        for status, evaluations, residual in itertools.chain(*map(records, outcomes)):
            self.images.labels(*labels, status).inc()
            if evaluations is not None:
                self.evaluations.labels(*labels).observe(evaluations)
                self.residual.labels(*labels).observe(residual)

    def mean_seconds(self) -> float:
        """Of a solve so far."""
        return self._taken / self._solves if self._solves else 1.0

    def text(self) -> bytes:
        """In Prometheus's format."""
        return prometheus.generate_latest(self.registry)
