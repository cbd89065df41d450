"""What Prometheus is told."""

import prometheus_client as prometheus

from tf_jfb.serving.server.jobs import status_of

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
        """Takes in a solve of jobs `batch`."""
        labels = (batch[0].version.name, str(batch[0].version.version))
        self._solves, self._taken = self._solves + 1, self._taken + seconds
        self.batch.observe(len(batch))
        self.solve.labels(*labels).observe(seconds)
        for outcome in outcomes:
            failed = isinstance(outcome, Exception)
            self.images.labels(*labels, "ERROR" if failed else status_of(outcome)).inc()
            if not failed:
                self.evaluations.labels(*labels).observe(outcome.evaluations)
                self.residual.labels(*labels).observe(outcome.residual)

    def mean_seconds(self) -> float:
        """Of a solve so far."""
        return self._taken / self._solves if self._solves else 1.0

    def text(self) -> bytes:
        """In Prometheus's format."""
        return prometheus.generate_latest(self.registry)
