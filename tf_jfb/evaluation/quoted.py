"""Published figures, which stand beside measured ones in the tables."""

from typing import NamedTuple


class Network(NamedTuple):
    """What is known of a published method."""

    name: str
    parameters: float | None = None  # millions
    pixels: float | None = None  # that its training saw, millions


CBM3D = Network("CBM3D")
DNCNN = Network("DnCNN", 0.67, 48_000)
FFDNET = Network("FFDNet")
IRCNN = Network("IRCNN (2017)", 25 * 0.19)
DRUNET = Network("DRUNet", 32.6)
DPIR = Network("DPIR (2021)", 32.6)
GSPNP = Network("GS-PnP (2022)", 17.0, 171_000)

# {protocol: {noise of 255: {network: PSNR in dB}}}, means over all images and kernels.
FIGURES = {
    # Zhang et al. (2021), arXiv 2008.13751, table 3.
    "set3c-dpir": {2.55: {IRCNN: 33.05, DPIR: 34.48}, 7.65: {IRCNN: 28.59, DPIR: 29.77}},
    # Zhang et al. (2021), table 2; the noise of each paper is drawn otherwise, some 0.01 dB.
    "denoise-cbsd68": {
        15: {CBM3D: 33.52, DNCNN: 33.90, IRCNN: 33.86, FFDNET: 33.87, DRUNET: 34.30},
        25: {CBM3D: 30.71, DNCNN: 31.24, IRCNN: 31.16, FFDNET: 31.21, DRUNET: 31.69},
        50: {CBM3D: 27.38, DNCNN: 27.95, IRCNN: 27.86, FFDNET: 27.96, DRUNET: 28.51},
    },
    "cbsd68-gspnp": {
        2.55: {IRCNN: 31.42, DPIR: 31.93, GSPNP: 31.70},
        7.65: {IRCNN: 28.01, DPIR: 28.30, GSPNP: 28.28},
        12.75: {IRCNN: 26.40, DPIR: 26.82, GSPNP: 26.86},
    },
}
# Not checked against their papers, to within 0.1 dB.
ROUGH = {"cbsd68-gspnp"}


def quoted(protocol: str | None, noise: float) -> dict:
    """{"NAME, quoted": {figure: value}} of what was published at a noise in [0, 1] units."""
    by_noise = FIGURES.get(protocol, {})
    rows = next((rows for n, rows in by_noise.items() if abs(n - 255 * noise) < 1e-6), {})
    mark = "quoted, within 0.1 dB" if protocol in ROUGH else "quoted"
    return {f"{net.name}, {mark}": _row(net, psnr) for net, psnr in rows.items()}


def _row(network, psnr) -> dict:
    known = {"parameters (millions)": network.parameters, "pixels (millions)": network.pixels}
    return {"psnr": psnr} | {name: value for name, value in known.items() if value is not None}
