"""Callbacks: exact resumption, and advice when solves do not converge."""

import json
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf

from tf_jfb import _weights as weights
from tf_jfb._files import write_text
from tf_jfb.diagnostics.audit import auditor
from tf_jfb.training import tensorboard as boards
from tf_jfb.training.strategies import is_chief


class Checkpoint(keras.callbacks.Callback):
    """Writes `last.npz` after every epoch and `best.npz` when validation PSNR rises.

    `last.npz` holds every variable of the model and the optimizer, the epochs done and the log,
    in one file that is replaced atomically: a training killed at any moment resumes from its
    last whole epoch and, its examples being numbered, ends with the same weights. Weights that are
    not finite are not written. Of several workers, the chief writes.
    """

    def __init__(self, folder, monitor: str = "val_psnr"):
        super().__init__()
        self.folder, self.monitor = pathlib.Path(folder), monitor
        self.history, self._validated = [], {}

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return len(self.history)

    def restore(self, model) -> None:
        """Loads `last.npz`, if there is one, into a built and compiled `model`."""
        if (self.folder / "last.npz").exists():
            with weights.arrays_in(self.folder / "last.npz") as saved:
                self.history = json.loads(str(saved["history"]))
                weights.assign_state(model, saved)
            if is_chief(model.distribute_strategy):
                self._write_log()  # a training that was killed may have left it an epoch behind

    def on_test_end(self, logs=None):
        # Maybe averages, in the model until now.
        self._validated = weights.arrays_of(weights.named_weights(self.model))

    def on_epoch_end(self, epoch, logs=None):
        row = {k: float(v) for k, v in (logs or {}).items()}
        before = [r[self.monitor] for r in self.history if np.isfinite(r[self.monitor])]
        rises = row[self.monitor] > max(before, default=-np.inf)
        self.history.append({"epoch": epoch + 1, **row})
        # On all workers: reading may need them all.
        arrays = weights.arrays_of(weights.state_of(self.model))
        if not is_chief(self.model.distribute_strategy):
            return
        if rises:
            weights.save_arrays(self.folder / "best.npz", self._validated)
        if all(np.isfinite(array).all() for array in arrays.values()):
            history = np.array(json.dumps(self.history))
            weights.save_arrays(self.folder / "last.npz", {**arrays, "history": history})
        else:
            print(
                f"\nThe weights are not finite after epoch {epoch + 1}: last.npz keeps an earlier"
                " epoch, from which the training goes on. Lower `learning_rate`, or add a `warmup`."
            )
        self._write_log()

    def _write_log(self):
        names = dict.fromkeys(name for row in self.history for name in row)
        table = [[f"{row.get(name, np.nan):.6g}" for name in names] for row in self.history]
        lines = [",".join(row) for row in [names, *table]]
        write_text(self.folder / "log.csv", "\n".join(lines) + "\n")


class ConvergenceAdvice(keras.callbacks.Callback):
    """Says what to do after an epoch in which fewer than `share` of the images converged."""

    def __init__(self, share: float = 0.9):
        super().__init__()
        self.share = share

    def on_epoch_end(self, epoch, logs=None):
        converged = (logs or {}).get("converged", 1.0)
        if converged < self.share:
            print(
                f"\nOnly {converged:.0%} of the images converged in epoch {epoch + 1}: raise "
                "`max_evaluations`, loosen `rtol`, lower the learning rate, or bound the "
                "network with `lipschitz`."
            )


class Throughput(keras.callbacks.Callback):
    """Adds `megapixels_per_hour` to an epoch's printed logs: `pixels` over its training's time."""

    def __init__(self, pixels: int):
        super().__init__()
        self.pixels = pixels

    def on_epoch_begin(self, epoch, logs=None):
        self._start, self._seconds = time.perf_counter(), None

    def on_test_begin(self, logs=None):
        self._seconds = time.perf_counter() - self._start

    def on_epoch_end(self, epoch, logs=None):
        seconds = self._seconds or time.perf_counter() - self._start
        if logs is not None:
            logs["megapixels_per_hour"] = self.pixels * 3.6e-3 / seconds


class AuditGradient(keras.callbacks.Callback):
    """Audits the gradient after every epoch, prints the advice and logs the figures.

    Where `fit` validates, the weights are those that are validated: averages too, of a callback
    after this one. Adds to the epoch's logs `audit_radius`, `audit_contraction` and, per estimator,
    `audit_cosine_...` (over all weights), so that callbacks after this one see them.

    Args:
        batch: (blurred, sharp), the same every time; a few small images suffice.
        log_dir: folder for TensorBoard, which must be installed; there also the cosine and norm
            ratio of every layer.
        options: of `audit_gradient`.
    """

    def __init__(self, batch, log_dir=None, **options):
        super().__init__()
        if log_dir is not None:
            boards.check_installed(log_dir=str(log_dir))
        self.batch, self.options, self._audit, self._report = batch, options, None, None
        self.writer = None if log_dir is None else tf.summary.create_file_writer(str(log_dir))

    def set_model(self, model):
        super().set_model(model)
        self._audit = self._report = None

    def on_test_end(self, logs=None):
        self._audit = self._audit or auditor(self.model, **self.options)
        self._report = self._audit(self.batch)

    def on_epoch_end(self, epoch, logs=None):
        if self._report is None:
            self.on_test_end()
        report, self._report = self._report, None
        print(f"\nGradient audit: {report.advice}")
        figures = {
            "audit_radius": float(report.spectral_radius.max()),
            "audit_contraction": float(report.contraction.max()),
            **{f"audit_cosine_{name}": row["all"] for name, row in report.cosine.items()},
        }
        if logs is not None:
            logs.update(figures)
        if self.writer is not None:
            self._write(epoch, figures, report)

    def _write(self, epoch, figures, report):
        tables = {"cosine": report.cosine, "norm_ratio": report.norm_ratio}
        with self.writer.as_default():
            for name, figure in figures.items():
                tf.summary.scalar(name, figure, epoch)
            for kind, table in tables.items():
                for name, row in table.items():
                    for group, figure in row.items():
                        tf.summary.scalar(f"audit_{kind}/{name}/{group}", figure, epoch)
        self.writer.flush()
