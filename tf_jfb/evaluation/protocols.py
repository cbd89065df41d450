"""Which images, blurs and noise a table of results is about."""

import dataclasses

from tf_jfb import data
from tf_jfb._validate import check
from tf_jfb.data import split_folder
from tf_jfb.evaluation.tellings import CAMERA, FALSE, PHOTONS
from tf_jfb.operators import Blur, BlurFFT, Operator, kernels

BOUNDARIES = {
    "zero": "black surroundings",
    "circular": "the image wraps around",
    "photo": "the scene goes on beyond the image, as it does for a camera",
}
LEVIN = tuple(f"k{number}" for number in range(1, 9))  # names in a file of the eight kernels


@dataclasses.dataclass(frozen=True)
class Protocol:
    """Blurred, noisy images, always the same."""

    images: str  # "celeba", "folder" or "dead-leaves"
    blurs: tuple  # names for `kernels.parse`, or LEVIN: arrays of a file
    noises: tuple  # standard deviations in [0, 1] units
    boundary: str  # one of BOUNDARIES
    side: int | None  # of the images; None takes them whole
    eight_bits: bool = False  # whether blurred images, before the noise, and results are rounded
    own_seed: int | None = None  # of NumPy's legacy generator, which draws every image's noise
    denoising: bool = False  # whether there is no blur
    most: int | None = None  # images that it is about; None: all that there are
    grey: bool = False  # whether images are of one channel, the luma
    tellings: tuple = ()  # names in TELLINGS, each a row of one table; else methods are told right

    def kernels(self, file=None) -> dict:
        """{name: kernel}. `file` holds the kernels of LEVIN."""
        check(
            file is not None or not set(LEVIN) & set(self.blurs),
            "`kernels` must name the .npz file of the eight kernels, k1 to k8.",
            kernels=file,
        )
        return {
            name: kernels.load(file, name) if name in LEVIN else kernels.parse(name)
            for name in self.blurs
        }

    def operator(self, kernel) -> Operator:
        return BlurFFT(kernel) if self.boundary == "circular" else Blur(kernel)

    def margin(self, kernel) -> int:
        """Pixels beyond the image, on every side, that its blurred version depends on."""
        return max(kernel.shape) // 2 if self.boundary == "photo" else 0

    def source(self, path, split: str, margin: int = 0):
        """Its images for "train" or "test", of a folder without that split all, with a margin."""
        side = (self.side or 256) + 2 * margin
        if self.images == "dead-leaves" or (self.images == "celeba" and path is None):
            return data.DeadLeaves(10_000, side, seed=0 if split == "train" else 1_000_003)
        if self.images == "celeba":
            return data.celeba(path, split, side)
        check(path is not None, "`path` must name the folder of the protocol's images.", path=path)
        return data.FolderSource(split_folder(path, split), channels=1 if self.grey else 3)


# Hurault et al. (2022), arXiv 2110.03220.
GSPNP = Protocol(
    "folder",
    (*LEVIN, "box:9", "gaussian:25:1.6"),
    (2.55 / 255, 7.65 / 255, 12.75 / 255),
    "circular",
    None,
    own_seed=0,
)
PROTOCOLS = {
    "celeba-g5s5": Protocol("celeba", ("gaussian:5:5.0",), (0.005,), "zero", 128),
    "celeba-g5v5": Protocol("celeba", (f"gaussian:5:{5**0.5}",), (0.005,), "zero", 128),
    "celeba-g5s1": Protocol("celeba", ("gaussian:5:1.0",), (0.005,), "zero", 128),
    "bsds-levin": Protocol("folder", LEVIN, (0.01, 7.65 / 255), "circular", 256),
    "set3c-levin": Protocol("folder", LEVIN, (7.65 / 255,), "circular", 256),
    # Zhang et al. (2021), arXiv 2008.13751, table 3.
    "set3c-dpir": Protocol(
        "folder",
        ("k2", "k4"),
        (2.55 / 255, 7.65 / 255),
        "circular",
        256,
        eight_bits=True,
        own_seed=0,
        most=3,
    ),
    # The same without colours, as microscopes and telescopes have it.
    "set3c-grey": Protocol(
        "folder", ("k2", "k4"), (2.55 / 255, 7.65 / 255), "circular", 256, grey=True, most=3
    ),
    # The first ten images of CBSD68, or its 68; the oldest name takes all of any folder.
    "cbsd10-gspnp": dataclasses.replace(GSPNP, most=10),
    "cbsd68-gspnp": dataclasses.replace(GSPNP, most=68),
    "cbsd-gspnp": GSPNP,
    "denoise-cbsd68": Protocol(
        "folder",
        ("box:1",),
        (15 / 255, 25 / 255, 50 / 255),
        "circular",
        None,
        own_seed=0,
        denoising=True,
        most=68,
    ),
    # What users bring: kernels, noise and files that are not quite what they are said to be.
    "real": Protocol("folder", LEVIN, (0.01,), "circular", 256, tellings=tuple(FALSE)),
    # Light was blurred, then encoded to 8 bits; the noise is that of the light.
    "camera": Protocol("folder", LEVIN, (0.01,), "circular", 256, tellings=tuple(CAMERA)),
    # Shot noise by the photons at white, beside the noise of reading them.
    "photons": Protocol("folder", LEVIN, (0.01,), "circular", 256, tellings=tuple(PHOTONS)),
}
