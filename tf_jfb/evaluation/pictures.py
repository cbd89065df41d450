"""Pictures of a comparison's first images and of their residuals."""

from tf_jfb._plots import image_grid, pyplot

SHOWN = 3  # images of the figure


def draw(comparison, models, methods, batch) -> None:
    """The files that `comparison` asks for, of the first images."""
    sharp, d, case = batch
    if comparison.figure:
        given = case.given(d)
        shown = {n: case.stored(m(given, case)[0])[:SHOWN] for n, m in methods.items()}
        image_grid(comparison.figure, sharp[:SHOWN], shown, details=True)
    if comparison.curves:
        plot_traces(comparison.curves, {n: m.trace(case.given(d), case) for n, m in models.items()})


def plot_traces(path, traces: dict) -> None:
    """Residuals per evaluation, {name: [B, evaluations]}."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    for i, (name, trace) in enumerate(traces.items()):
        for j, row in enumerate(trace):
            steps = range(1, len(row) + 1)
            label = name if j == 0 else None
            axis.semilogy(steps, row, color=f"C{i}", lw=1, marker=".", ms=3, label=label)
    axis.set(xlabel="evaluations of T", ylabel="relative residual |T(x) - x| / |T(x)|")
    axis.set_title("Solves of the first images")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
