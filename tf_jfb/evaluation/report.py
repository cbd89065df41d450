"""What a person wants to see of one restoration: figures of merit, and a picture."""

from tf_jfb._plots import pyplot, residuals, show
from tf_jfb.data import Photo, light
from tf_jfb.exported import Restored
from tf_jfb.metrics import fidelity


def describe(
    result: Restored,
    blurred: Photo,
    sharp: Photo | None,
    told: float | None = None,
    of_light: bool = False,
) -> dict:
    """The solve's record, with `metrics.fidelity` before and after where `sharp` is known.

    `told` is the noise that was told, in the values of `blurred`; `of_light` whether these were
    decoded for the solve, so that its own noise is of the light.
    """
    rows = {
        "evaluations": result.evaluations,
        "residual": result.residual,
        "status": result.status.name,
        "advice": result.status.advice,
    }
    if result.noise is not None:
        rows["noise"] = result.noise
        rows["noise_estimated"], rows["noise_doubt"] = result.estimated, result.doubt
        rows["noise_told"], rows["noise_of"] = told, "light" if of_light else "values"
    if result.refined is not None:
        rows["kernel_scale"], rows["kernel_cleaned"] = result.refined[1:]
    if sharp is None:
        return rows
    before, after = (fidelity(sharp.pixels, p.pixels) for p in (blurred, result.photo))
    for name in before:
        rows[f"{name}_blurred"], rows[f"{name}_restored"] = before[name], after[name]
    return rows


def lines(rows: dict) -> str:
    """`describe` for a reader."""
    text = []
    if "psnr_blurred" in rows:
        text.append(f"PSNR  {rows['psnr_blurred']:6.2f} dB -> {rows['psnr_restored']:6.2f} dB")
    if "ssim_blurred" in rows:
        text.append(f"SSIM  {rows['ssim_blurred']:6.4f}    -> {rows['ssim_restored']:6.4f}")
    if "noise" in rows:
        how = "estimated from the image" if rows["noise_estimated"] else "as told"
        doubt = f"; do not trust it: {rows['noise_doubt']}" if rows["noise_doubt"] else ""
        level = f"{rows['noise']:.4f}" + " of the light" * (rows["noise_of"] == "light")
        if rows["noise_told"] is not None and rows["noise_of"] == "light":
            text.append(f"noise: {rows['noise_told']:g} as told, {level}")
        else:
            text.append(f"noise: {level}, {how}{doubt}")
    if "kernel_scale" in rows:
        clean = ", less its noise" if rows["kernel_cleaned"] else ""
        text.append(f"kernel: {rows['kernel_scale']:.3f} times as wide as told{clean}")
    return "\n".join(
        [
            *text,
            f"evaluations of T: {rows['evaluations']}",
            f"relative residual: {rows['residual']:.2e}",
            f"status: {rows['advice']}",
        ]
    )


def plot(path, result: Restored, blurred: Photo, sharp: Photo | None) -> None:
    """Figure of the images, whole, and of the residual per evaluation where the record has it."""
    plt = pyplot()
    images = {"sharp": sharp, "blurred": blurred, "restored": result.photo}
    images = {name: photo for name, photo in images.items() if photo is not None}
    traced = result.trace is not None
    figure, axes = plt.subplots(
        1, len(images) + traced, figsize=(3.6 * len(images) + 4 * traced, 3.8), layout="constrained"
    )
    for axis, (name, photo) in zip(axes, images.items(), strict=False):
        reference = None if sharp is None or name == "sharp" else _shown(sharp)
        show(axis, _shown(photo), name, reference)
    if traced:
        residuals(axes[-1], result.trace)
        axes[-1].set(xlabel="evaluations of T", title="relative residual |T(x) - x| / |T(x)|")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _shown(photo):
    """Its pixels [H, W, C] as a display takes them."""
    return light.encode(photo.pixels) if photo.linear else photo.pixels
