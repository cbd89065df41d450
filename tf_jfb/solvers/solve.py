"""The one loop of the library: drives any solver to a fixed point, image by image."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tf_jfb._numerics import per_image, per_image_norm, shaped
from tf_jfb._types import Solution, Status
from tf_jfb._validate import check
from tf_jfb.solvers._arguments import check_override, one_tensor
from tf_jfb.solvers.base import Solver

# An image whose residual exceeds its first one by this factor has diverged.
BLOW_UP = 1e6


class _Carry(NamedTuple):
    active: tf.Tensor  # bool [B], still iterating
    x: tf.Tensor  # [B, ...] iterate to evaluate next
    best: tf.Tensor  # [B, ...] finite iterate with the smallest absolute residual
    residual: tf.Tensor  # [B] relative residual of `best`
    smallest: tf.Tensor  # [B] absolute residual of `best`
    first: tf.Tensor  # [B] absolute residual of the start
    evaluations: tf.Tensor  # int32 [B], so far: the column of the next in `trace`
    status: tf.Tensor  # int32 [B]
    trace: tf.Tensor  # [B, cap] or [B, 0]
    rtol: tf.Tensor  # [B], does not change
    cap: tf.Tensor  # int32 [B], does not change
    state: tuple  # the solver's


def solve(
    f,
    x0: tf.Tensor,
    solver: Solver,
    inputs: tuple = (),
    *,
    rtol=None,
    max_evaluations=None,
    trace: bool = False,
    compact: bool = False,
    pending: bool = False,
    spent=0,
) -> Solution:
    r"""Finds $x = f(x, *inputs)$ for every image of a batch, starting from `x0`.

    Each image stops on its own residual, $|f(x) - x| \le$ atol + rtol $|f(x)|$, and is frozen
    from then on, or leaves the batch where `compact`, so that no result depends on the other
    images of the batch. An image whose iterate or residual becomes NaN, Inf or 1e6 times its
    first residual has diverged and keeps its best finite iterate. No gradient flows through the
    loop and none is recorded.

    Args:
        f: map of x [B, ...] and `inputs` that keeps x's shape and dtype and treats images
            independently.
        x0: start, [B, ...], float32 or float64.
        solver: a `Solver`, for example `Anderson()`.
        inputs: tensors [B, ...], one entry per image, that f takes beside x.
        rtol: overrides `solver.rtol`; a number or tensor, one for all or [B].
        max_evaluations: overrides `solver.max_evaluations`; likewise.
        trace: also return the residual of every evaluation, [B, largest cap]; under XLA the cap
            must be an integer.
        compact: an image that stops leaves the batch, and f is evaluated on the others alone. f
            may depend on the image only through `inputs`. Not under XLA: shapes change.
        pending: leave the last evaluation to the caller, who needs f(x) recorded, and tells
            `with_last` of it. An image that does not converge makes one evaluation less, and its
            `x` is the iterate to evaluate next, or the best where that was not the last.
        spent: evaluations that `x0` has cost already, one number for all or [B]; they count, and
            have no residual in the trace.

    Returns:
        A `Solution`; `x` is the evaluated iterate whose `residual` is reported.

    Raises:
        ValueError: `x0` is not a batch of float32 or float64, or `f` changes shape or dtype; `rtol`
            or `max_evaluations` is a number outside its range.
    """
    x0 = one_tensor("x0", x0)
    check(isinstance(solver, Solver), "`solver` must be a tf_jfb.solvers.Solver.", solver=solver)
    check(
        x0.dtype in (tf.float32, tf.float64),
        "`x0` must be float32 or float64.",
        dtype=x0.dtype.name,
    )
    check(
        x0.shape.rank is None or x0.shape.rank >= 1,
        "`x0` must have a batch axis.",
        shape=_shape(x0),
    )
    check_override("rtol", rtol, x0.shape[0], "iuf", 0)
    check_override("max_evaluations", max_evaluations, x0.shape[0], "iu", 1)
    rtol = solver.rtol if rtol is None else rtol
    cap = solver.max_evaluations if max_evaluations is None else max_evaluations
    cap = cap - 1 if pending else cap
    columns = (cap if isinstance(cap, int) else tf.reduce_max(cap)) if trace else 0
    run = functools.partial(_run_compact if compact else _run, pending=pending)
    if tf.executing_eagerly():
        with tf.init_scope():  # pauses the tape: an eager loop would record every evaluation
            return run(f, inputs, solver, _start(x0, solver, rtol, cap, spent, columns))
    x0, inputs = tf.nest.map_structure(tf.stop_gradient, (x0, inputs))
    solution = run(f, inputs, solver, _start(x0, solver, rtol, cap, spent, columns))
    return solution._replace(
        x=tf.stop_gradient(solution.x), residual=tf.stop_gradient(solution.residual)
    )


def with_last(solution: Solution, fx: tf.Tensor, solver: Solver) -> Solution:
    """The record of a `pending` solve, completed by `fx`, the value of f at its `x`."""
    fx = tf.stop_gradient(fx)
    step, size, relative, finite = _residual(solution.x, fx)
    converged = finite & (step <= solver.atol + tf.cast(solver.rtol, size.dtype) * size)
    waited = solution.status == int(Status.CAP)
    judged = tf.where(converged, int(Status.CONVERGED), int(Status.CAP))
    judged = tf.where(finite, judged, int(Status.DIVERGED))
    relative = tf.where(finite, relative, float("inf"))
    return solution._replace(
        evaluations=solution.evaluations + tf.cast(waited, tf.int32),
        residual=tf.where(waited, relative, solution.residual),
        status=tf.where(waited, judged, solution.status),
    )


def _run(f, inputs, solver, start, pending) -> Solution:
    end = tf.while_loop(
        lambda c: tf.reduce_any(c.active),
        lambda c: (_keep_shapes(_iterate(lambda x: f(x, *inputs), c, solver, pending), c),),
        (start,),
    )[0]
    return Solution(*_results(end, pending))


class _Batch(NamedTuple):
    """The images still in the batch, and the results of all."""

    carry: _Carry
    inputs: tuple
    image: tf.Tensor  # int32 [images in the batch], their places in `results`
    results: tuple  # a Solution's tensors, without the trace where none is asked for


def _run_compact(f, inputs, solver, start, pending) -> Solution:
    image, results = tf.range(tf.shape(start.x)[0]), _results(start, pending)
    start = _Batch(start, tuple(inputs), image, results)
    carry, own, places = tf.nest.map_structure(_any_batch, start[:3])
    invariants = _Batch(carry, own, places, tuple(t.shape for t in results))

    def body(b):
        carry = _iterate(lambda x: f(x, *b.inputs), b.carry, solver, pending)
        b = b._replace(carry=_keep_shapes(carry, b.carry))
        return (tf.cond(tf.reduce_all(carry.active), lambda: b, lambda: _leave(b, pending)),)

    end = tf.while_loop(
        lambda b: (tf.shape(b.image)[0] > 0) & tf.reduce_any(b.carry.active),
        body,
        (start,),
        shape_invariants=(invariants,),
    )[0]
    return Solution(*_put(end, pending))


def _results(c: _Carry, pending) -> tuple:
    trace = [] if c.trace.shape[1] == 0 else [c.trace]
    return (c.x if pending else c.best, c.evaluations, c.residual, c.status, *trace)


def _leave(b: _Batch, pending) -> _Batch:
    """Notes how the images stand and keeps those that go on."""
    stay = tf.where(b.carry.active)[:, 0]

    def take(t):
        return t if t.shape.rank == 0 else tf.gather(t, stay)

    carry, inputs, image = tf.nest.map_structure(take, (b.carry, b.inputs, b.image))
    return _Batch(carry, inputs, image, _put(b, pending))


def _put(b: _Batch, pending) -> tuple:
    """The results, with those of the images in the batch as they stand."""
    news = _results(b.carry, pending)

    def put(old, new):
        return tf.tensor_scatter_nd_update(old, b.image[:, None], new)

    return tuple(put(old, new) for old, new in zip(b.results, news, strict=True))


def _any_batch(t: tf.Tensor) -> tf.TensorShape:
    return t.shape if t.shape.rank in (0, None) else tf.TensorShape([None, *t.shape[1:]])


def _start(x0, solver, rtol, cap, spent, columns) -> _Carry:
    batch = tf.shape(x0)[0]
    rtol, cap, spent = (
        tf.ensure_shape(tf.broadcast_to(tf.cast(option, dtype), [batch]), x0.shape[:1])
        for option, dtype in ((rtol, x0.dtype), (cap, tf.int32), (spent, tf.int32))
    )

    def fill(value, dtype):
        return tf.fill([batch], tf.constant(value, dtype))

    return _Carry(
        active=cap > spent,
        x=x0,
        best=x0,
        residual=fill(float("inf"), x0.dtype),
        smallest=fill(float("inf"), x0.dtype),
        first=fill(float("inf"), x0.dtype),
        evaluations=spent,
        status=fill(int(Status.CAP), tf.int32),
        trace=tf.fill([batch, columns], tf.constant(float("nan"), x0.dtype)),
        rtol=rtol,
        cap=cap,
        state=solver.init(x0),
    )


def _iterate(f, c: _Carry, solver: Solver, pending) -> _Carry:
    fx = _evaluate(f, c.x)
    step, size, relative, finite = _residual(c.x, fx)
    first = tf.where(tf.math.is_finite(c.first), c.first, step)
    diverged = c.active & ~(finite & (step <= BLOW_UP * first))
    converged = c.active & finite & (step <= solver.atol + c.rtol * size)
    better = c.active & finite & ((step < c.smallest) | converged)
    active = c.active & ~(converged | diverged)
    goes_on = active & (c.evaluations + 1 < c.cap)
    x_next, state = solver.step(c.x, fx, c.state)
    best = tf.where(per_image(better, c.x), c.x, c.best)
    moves = active & (goes_on | better) if pending else goes_on
    stays = tf.where(per_image(c.active, c.x), best, c.x)
    status = tf.where(converged, int(Status.CONVERGED), c.status)
    return c._replace(
        active=goes_on,
        x=tf.where(per_image(moves, c.x), x_next, stays),
        best=best,
        residual=tf.where(better, relative, c.residual),
        smallest=tf.where(better, step, c.smallest),
        first=first,
        evaluations=c.evaluations + tf.cast(c.active, tf.int32),
        status=tf.where(diverged, int(Status.DIVERGED), status),
        trace=_record(c.trace, c.evaluations, tf.where(c.active, relative, float("nan"))),
        state=state,
    )


def _residual(x, fx) -> tuple:
    """(|f(x) - x|, |f(x)|, their ratio, whether both are finite), each [B]."""
    step, size = _norm(fx - x), _norm(fx)
    finite = tf.math.is_finite(step) & tf.math.is_finite(size)
    return step, size, step / tf.maximum(size, _tiny(size)), finite


def _evaluate(f, x):
    fx = one_tensor("f(x)", f(x))
    check(
        fx.dtype == x.dtype and fx.shape.is_compatible_with(x.shape),
        "`f` must return the shape and dtype of its argument.",
        argument=(_shape(x), x.dtype.name),
        result=(_shape(fx), fx.dtype.name),
    )
    return shaped(fx, x.shape)


def _norm(z) -> tf.Tensor:
    """`per_image_norm` of numbers whose squares may be too small or too large for the dtype."""
    largest = tf.reduce_max(tf.abs(tf.reshape(z, [tf.shape(z)[0], -1])), axis=1)
    scale = tf.where(largest > 0, largest, tf.ones_like(largest))
    return scale * per_image_norm(z / per_image(scale, z))


def _shape(x):
    """Static shape as a tuple, None where even the rank is unknown."""
    return None if x.shape.rank is None else tuple(x.shape)


def _tiny(like):
    """Smallest normal number of the dtype: keeps 0 / 0 at zero."""
    return tf.constant(1.2e-38 if like.dtype == tf.float32 else 2.3e-308, like.dtype)


def _record(trace, evaluations, residual):
    column = tf.range(tf.shape(trace)[1])[None, :] == evaluations[:, None]
    return tf.where(column, residual[:, None], trace)


def _keep_shapes(new: _Carry, old: _Carry) -> _Carry:
    """Static shapes may not change through the loop, whatever f lost of them."""
    return tf.nest.map_structure(lambda n, o: shaped(n, o.shape), new, old)
