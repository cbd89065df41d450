"""Every option of the public classes, turned, changes what they give; or a test tells of it."""

import ast
import inspect
import pathlib

import keras
import numpy as np
import problems
import pytest
import tensorflow as tf

from tf_jfb import data, gradients, layers, metrics, models, networks, noise, operators, solvers

ROOT = pathlib.Path(__file__).parent
KERNEL = np.array([[0.1, 0.2, 0.0], [0.3, 0.4, 0.0], [0.0, 0.0, 0.0]])
OTHER_KERNEL = np.eye(3) / 3.0
MATRIX = np.random.default_rng(0).standard_normal((6, 6)) / 5.0
IMAGES = np.random.default_rng(1).random((2, 12, 12, 3), np.float32)
LEVELS = np.array([0.01, 0.05], np.float32)


def solved(solver):
    problem = problems.contraction(norm=0.9)
    solution = solvers.solve(problem.f, problem.start(), solver, trace=True)
    return solution.x, solution.evaluations, solution.trace


def gradient(estimator):
    """To theta, of tanh(x M) + theta = x."""
    theta = tf.ones([1, 6], tf.float64)
    layer = layers.FixedPoint(
        lambda x, theta: tf.tanh(tf.matmul(x, MATRIX)) + theta,
        solvers.Picard(rtol=0.0, max_evaluations=30),
        estimator,
        dtype="float64",
    )
    with tf.GradientTape() as tape:
        tape.watch(theta)
        x = layer(tf.zeros_like(theta), theta)
    try:
        return x, tape.gradient(x, theta)
    except tf.errors.InvalidArgumentError:
        return 0.0, 0.0  # `on_failure`


def called(network):
    """In training, then not, and what a weight file would hold."""
    keras.utils.set_random_seed(0)
    told = (IMAGES, LEVELS) if isinstance(network, networks.UNet) else (IMAGES,)
    network(*told, training=True)
    return network(*told), [w.numpy() for w in network.weights]


def evaluated(model):
    """One evaluation of T, and how much is learned."""
    keras.utils.set_random_seed(0)
    model.build((None, None, None, 3))
    alone = isinstance(model, models.DEGrad)
    problem = model.problem(IMAGES if alone else {"image": IMAGES, "noise": LEVELS}, cap=3)
    return problem.f(problem.x0, *problem.inputs), len(model.trainable_variables)


def network():
    keras.utils.set_random_seed(0)
    return networks.UNet((2,), 1)


def first(dataset):
    return next(iter(dataset))


def dataset(**options):
    return tf.data.Dataset.from_tensor_slices(IMAGES).batch(2), options


def scored(metric):
    metric.update_state(IMAGES, np.float32(0.5) * IMAGES)
    return metric.result()


def given(part):
    return part


def make_source(**options):
    return data.DeadLeaves(**{"length": 4, "size": 9} | options)


BLURS = data.RandomBlurs(size=7)
SOLVER = {"rtol": 0.0, "max_evaluations": 8}
SOLVERS = {"rtol": 0.5, "atol": 5.0, "max_evaluations": 4}
FAILING = solvers.Picard(rtol=1e-9, max_evaluations=1)
SPLITTING = {"operator": operators.BlurFFT(KERNEL), "network": network}
OTHER_PARTS = {
    "operator": operators.BlurFFT(OTHER_KERNEL),
    "network": lambda: networks.UNet((3,), 1),
}
LAWS = OTHER_PARTS | {"level": 0.5, "learned": False}
CONVOLUTION = {"filters": 3, "lipschitz": 0.1, "batch_norm": True}
CASES = [  # what is made, from what, what each option is turned to, what is looked at
    (solvers.Picard, SOLVER, SOLVERS | {"damping": 0.5}, solved),
    (solvers.Anderson, SOLVER, SOLVERS | {"m": 2, "beta": 0.5, "ridge": 0.1}, solved),
    (solvers.Broyden, SOLVER, SOLVERS | {"m": 1}, solved),
    (solvers.GMRES, SOLVER, SOLVERS | {"m": 2}, solved),
    (solvers.BiCGSTAB, SOLVER, SOLVERS, solved),
    (gradients.Neumann, {}, {"order": 2}, gradient),
    (gradients.Phantom, {}, {"steps": 2, "damping": 0.9}, gradient),
    (gradients.Unrolled, {}, {"steps": 2}, gradient),
    (
        gradients.Implicit,
        {"solver": FAILING},
        {"solver": solvers.GMRES(), "on_failure": "raise", "order": 1},
        gradient,
    ),
    (
        networks.SpectralConv2D,
        CONVOLUTION,
        {
            "filters": 4,
            "kernel_size": 1,
            "lipschitz": 0.2,
            "batch_norm": False,
            "momentum": 0.5,
            "epsilon": 0.1,
            "kernel_initializer": "ones",
        },
        called,
    ),
    (networks.SpectralConv2D, {"filters": 3}, {"use_bias": False}, called),
    (
        networks.DnCNN,
        {"depth": 3, "channels": 2, "lipschitz": 0.1},
        {"depth": 4, "channels": 3, "lipschitz": 0.2, "gain": 0.5, "momentum": 0.5},
        called,
    ),
    (
        networks.UNet,
        {"channels": (2,), "blocks": 1, "lipschitz": 0.1},
        {"channels": (2, 3), "blocks": 2, "lipschitz": 0.2, "gain": 0.5},
        called,
    ),
    (operators.Blur, {"kernel": KERNEL}, {"kernel": OTHER_KERNEL}, lambda a: a(IMAGES)),
    (operators.BlurFFT, {"kernel": KERNEL}, {"kernel": OTHER_KERNEL}, lambda a: a(IMAGES)),
    (
        operators.BlurEach,
        {"kernel": np.float32([KERNEL, KERNEL])},
        {"kernel": np.float32([KERNEL, OTHER_KERNEL])},
        lambda a: a(IMAGES),
    ),
    (operators.GaussianBlur, {}, {"size": 3, "std": 1.0}, lambda a: a(IMAGES)),
    (operators.Downsample, {"factor": 2}, {"factor": 4, "kernel": KERNEL}, lambda a: a(IMAGES)),
    (
        operators.Inpainting,
        {"mask": np.eye(12, dtype=np.float32)},
        {"mask": np.ones((12, 12), np.float32)},
        lambda a: a(IMAGES),
    ),
    (
        operators.Frame,
        {"blur": operators.BlurFFT(KERNEL), "seen": np.ones((1, 12, 12, 1), np.float32)},
        {
            "blur": operators.BlurFFT(OTHER_KERNEL),
            "seen": np.eye(12, dtype=np.float32)[None, ..., None],
        },
        lambda a: a(IMAGES),
    ),
    (
        models.DEGrad,
        {"operator": operators.Blur(KERNEL), "network": lambda: networks.DnCNN(2, 2)},
        {
            "operator": operators.Blur(OTHER_KERNEL),
            "network": lambda: networks.DnCNN(2, 3),
            "eta": 0.5,
            "precondition": 0.5,
        },
        evaluated,
    ),
    (models.DEProx, SPLITTING, LAWS | {"eta": 0.5}, evaluated),
    (models.DEHQS, SPLITTING, LAWS | {"rho": 0.5, "continuation": 2}, evaluated),
    (models.DEADMM, SPLITTING, LAWS | {"rho": 0.5, "continuation": 2}, evaluated),
    (
        data.DeadLeaves,
        {"length": 4, "size": 9},
        {"length": 3, "size": 8, "channels": 1, "seed": 1, "shapes": 9, "grain": 0.6},
        lambda source: (len(source), source[0]),
    ),
    (
        data.Mixture,
        {"sources": [make_source()]},
        {"sources": [make_source(seed=1)]},
        lambda s: s[0],
    ),
    (
        data.Fixed,
        {"operator": operators.Blur(KERNEL), "noise": 0.1},
        {"operator": operators.Blur(OTHER_KERNEL), "noise": 0.2, "told": True},
        lambda kind: kind.measure(IMAGES, 0),
    ),
    (
        data.Drawn,
        {"blurs": BLURS, "noise": (0.01, 0.02)},
        {
            "blurs": data.RandomBlurs(size=9),
            "noise": (0.1, 0.2),
            "boundary": "photo",
            "told": False,
            "misjudged": 1.0,
            "linear": 1.0,
        },
        lambda kind: kind.measure(IMAGES, 0),
    ),
    (
        data.RandomBlurs,
        {"size": 9},
        {
            "families": ("box",),
            "size": 7,
            "std": (1.0, 1.1),
            "radius": (3.0, 3.1),
            "box": (7, 7),
            "motion": (4.0, 4.0),
            "files": ["disk:2.5"],
        },
        lambda blurs: blurs.bank(16),
    ),
    (
        noise.PoissonGaussian,
        {"photons": 100.0},
        {"photons": 50.0, "read_noise": 5.0},
        lambda camera: camera.std(IMAGES),
    ),
    (
        noise.gaussian,
        {"x": IMAGES, "std": 0.1, "seed": (0, 0)},
        {"std": 0.2, "seed": (0, 1)},
        given,
    ),
    (
        noise.poisson_gaussian,
        {"x": IMAGES, "photons": 100.0, "seed": (0, 0)},
        {"photons": 50.0, "seed": (0, 1), "read_noise": 5.0},
        given,
    ),
    (metrics.PSNR, {}, {"max_value": 2.0}, scored),
    (metrics.SSIM, {}, {"max_value": 2.0}, scored),
]
# What no look at one call shows, and the test that does.
ELSEWHERE = {
    "Implicit.warm_start": "gradients/test_estimators.py::test_warm_start_saves_evaluations",
    "Unrolled.recompute": "training/test_gradients_in_fit.py::test_recomputation_changes_nothing",
    "PoissonGaussian.gain": "test_noise.py::test_the_level_of_counted_photons",
    "DEGrad.solver": "models/test_de_grad.py::test_a_solver_and_a_gradient_may_be_set_anew",
    "DEGrad.gradient": "models/test_de_grad.py::test_the_gradient_estimator_is_used",
    "gaussian.x": "data/test_degrade.py::test_blur_then_noise",
    "poisson_gaussian.x": "test_noise.py::test_counted_photons",
}
OTHERWISE = {
    "Status",
    "Solver",
    "Equilibrium",
    "Network",
    "FolderSource",
}  # bases, and what reads files
IGNORED = ("kwargs", "name", "dtype")  # Keras' own


def options_of(make):
    return [name for name in inspect.signature(make).parameters if name not in IGNORED]


def made(make, options):
    """Networks are made where they are used, each from one seed."""
    return make(**{n: v() if n == "network" else v for n, v in options.items()})


def content(found):
    return [np.asarray(part) for part in tf.nest.flatten(found)]


def same(a, b):
    return len(a) == len(b) and all(
        one.shape == other.shape and np.array_equal(one, other)
        for one, other in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)
def test_turned_it_changes_what_is_given(case, monkeypatch):
    bank = data.RandomBlurs.bank
    few = lambda self, count, *args, **how: bank(self, min(count, 16), *args, **how)  # noqa: E731
    monkeypatch.setattr(data.RandomBlurs, "bank", few)
    make, base, others, look = case
    keras.utils.set_random_seed(0)
    before = content(look(made(make, base)))
    unchanged = []
    for name, value in others.items():
        keras.utils.set_random_seed(0)
        if same(before, content(look(made(make, base | {name: value})))):
            unchanged.append(name)
    assert unchanged == []


def test_every_option_is_here():
    turned = {f"{make.__name__}.{name}" for make, _, others, _ in CASES for name in others}
    known = {f"{make.__name__}.{name}" for make, *_ in CASES for name in options_of(make)}
    assert known - turned == set(ELSEWHERE)


def test_every_class_with_options_is_here():
    found = set()
    for module in (solvers, gradients, networks, operators, models, data, noise, metrics):
        for name in module.__all__:
            part = getattr(module, name)
            concrete = inspect.isclass(part) and not inspect.isabstract(part)
            if concrete and not issubclass(part, tuple) and options_of(part):
                found.add(name)
    assert found - {make.__name__ for make, *_ in CASES} == OTHERWISE


@pytest.mark.parametrize("place", ELSEWHERE.values())
def test_the_tests_named_exist(place):
    file, _, name = place.partition("::")
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
