"""Jobs that come one by one, solved together."""

import asyncio
import concurrent.futures
import time

from tf_jfb.serving.server.jobs import batches, solve_each


class Solver:
    """Solves lists of jobs and calls, one list at a time, in a thread of its own.

    `observe(batch, outcomes, seconds)` is called after every solve. The outcome of a `Job` is a
    `Restored`, that of a `Call` a dictionary, or it is the exception that either failed with.
    """

    def __init__(self, settings, observe=lambda *_: None):
        self.settings, self._observe = settings, observe
        self.thread = concurrent.futures.ThreadPoolExecutor(1, "solver")

    async def solve(self, jobs: list) -> list:
        """Outcomes of `jobs`, in their order."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, self._solve, jobs)

    def _solve(self, jobs) -> list:
        s, outcomes = self.settings, {}
        for batch in batches(jobs, s.max_batch, s.max_batch_pixels, time.monotonic()):
            started = time.monotonic()
            results = solve_each(batch, s.max_evaluations)
            self._observe(batch, results, time.monotonic() - started)
            outcomes.update(zip(batch, results, strict=True))
        return [outcomes[job] for job in jobs]


class Batcher:
    """Hands jobs that come within `settings.batch_wait` seconds to a `Solver` together.

    While it solves, those that come meanwhile gather.
    """

    def __init__(self, solver: Solver):
        self._solver, self._waiting, self._task = solver, [], None

    async def __call__(self, job):
        """The outcome of `job`."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((job, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        return await future

    async def _work(self):
        settings = self._solver.settings
        while self._waiting:
            if len(self._waiting) < settings.max_batch:
                await asyncio.sleep(settings.batch_wait)
            taken = self._waiting[: settings.max_batch]
            del self._waiting[: settings.max_batch]
            try:
                outcomes = await self._solver.solve([job for job, _ in taken])
            except Exception as error:  # every one that waits must hear of it
                outcomes = [error] * len(taken)
            for (_, future), outcome in zip(taken, outcomes, strict=True):
                if not future.done():  # its request has gone
                    future.set_result(outcome)
