"""What is compared, and on which images."""

import dataclasses
import pathlib

from tf_jfb._validate import check, make_plain
from tf_jfb.evaluation.methods import NOISE_FROM
from tf_jfb.evaluation.protocols import BOUNDARIES, LEVIN, PROTOCOLS, Protocol
from tf_jfb.evaluation.tellings import TELLINGS, Telling
from tf_jfb.exported import check_ensemble, check_options

_PATHS = ("path", "tuning_path", "kernels", "denoiser", "output", "figure", "curves")
_BLUR, _NOISE = "gaussian:5:5.0", 0.005  # where there is no protocol


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Options of `compare`.

    Raises:
        ValueError: an option is outside its range, or has no place beside another.
    """

    model: tuple = ()  # folders of exported models
    protocol: str | None = None  # a name in PROTOCOLS; else `blur` and `noise` of CelebA
    path: str | None = None  # folder of the images; for CelebA's, without it, dead leaves
    tuning_path: str | None = None  # folder of the training images, else `path`
    kernels: str | None = None  # .npz file of the eight kernels of Levin et al., k1 to k8
    denoiser: str | None = None  # run folder or export, for plug-and-play, or alone
    blur: str = _BLUR
    noise: float = _NOISE  # standard deviation in [0, 1] units
    side: int | None = None  # of the images, pixels; else the protocol's, or theirs if less
    boundary: str | None = None  # one of BOUNDARIES; else the protocol's
    kernel_error: float = 1.0  # width of the kernel told over that of the true one
    noise_error: float = 1.0  # noise told over the true one
    images: int = 1000  # test images, at most
    tuning: int = 40  # training images that tune the baselines, at most
    batch: int = 8  # images per batch
    rtol: float | None = None  # relative tolerance; else the model's
    max_evaluations: int | None = None  # cap of a solve; else the model's
    refine_kernel: bool = False  # whether the models' kernel is refined from the image first
    noise_from: str = "telling"  # of the models: or "image", "photons"
    ensemble: int = 1  # restorations whose mean a model's is
    tellings: tuple = ()  # names of those of the protocol that are looked at; else all
    seed: int = 0  # of all that is drawn
    baselines: bool = True  # whether there are others than the models
    output: str | None = None  # JSON file of the figures
    figure: str | None = None  # picture of the first images
    curves: str | None = None  # picture of the first images' residuals

    def __post_init__(self):
        make_plain(self)
        for name in _PATHS:
            value = getattr(self, name)
            object.__setattr__(self, name, None if value is None else str(value))
        object.__setattr__(self, "model", tuple(map(str, self.model)))
        object.__setattr__(self, "tellings", tuple(self.tellings))
        self._check_names()
        self._check_numbers()
        check_options(self.rtol, self.max_evaluations)
        check_ensemble(self.ensemble)

    @property
    def problem(self) -> Protocol:
        """The protocol, with the side and the boundary that were asked for."""
        named = PROTOCOLS.get(self.protocol)
        protocol = named or Protocol("celeba", (self.blur,), (self.noise,), "zero", 128)
        own = {"side": self.side, "boundary": self.boundary, "tellings": self.tellings or None}
        return dataclasses.replace(protocol, **{n: v for n, v in own.items() if v is not None})

    @property
    def telling(self) -> Telling:
        """Where the protocol has no tellings of its own."""
        return Telling(width=self.kernel_error, noise=self.noise_error)

    @property
    def is_as_published(self) -> bool:
        """Whether nothing that the figures depend on departs from the protocol."""
        changes = (self.side, self.boundary, self.kernel_error, self.noise_error)
        told = (self.refine_kernel, self.noise_from) == (False, "telling")
        return self.protocol is not None and changes == (None, None, 1.0, 1.0) and told

    def names(self) -> dict:
        """{name: folder} of the models, as `model_names` gives them."""
        return model_names(self.model)

    def _check_names(self) -> None:
        check(
            self.protocol is None or self.protocol in PROTOCOLS,
            f"`protocol` must be one of {', '.join(PROTOCOLS)}.",
            protocol=self.protocol,
        )
        check(
            self.boundary is None or self.boundary in BOUNDARIES,
            f"`boundary` must be one of {', '.join(BOUNDARIES)}.",
            boundary=self.boundary,
        )
        known = PROTOCOLS[self.protocol].tellings if self.protocol else ()
        check(
            set(self.tellings) <= set(known),
            f"`tellings` must be among the protocol's: {', '.join(known) or 'it has none'}.",
            tellings=self.tellings,
            protocol=self.protocol,
        )
        self._check_blurs()
        self._check_noise_from()
        self.names()
        check(
            self.denoiser is None or not self.problem.grey,
            "`denoiser` must be left out: it is of colours, and the protocol's images are grey.",
            denoiser=self.denoiser,
            protocol=self.protocol,
        )
        check(
            not self.problem.tellings or (self.kernel_error, self.noise_error) == (1.0, 1.0),
            "`kernel_error` and `noise_error` must be left out: the protocol has its own.",
            protocol=self.protocol,
        )

    def _check_blurs(self) -> None:
        """Refuses what the protocol would not heed."""
        check(
            self.protocol is None or (self.blur, self.noise) == (_BLUR, _NOISE),
            "`blur` and `noise` must be left out: the protocol has its own.",
            blur=self.blur,
            noise=self.noise,
            protocol=self.protocol,
        )
        check(
            self.kernels is None or bool(set(LEVIN) & set(self.problem.blurs)),
            "`kernels` must be left out: the blurs are not those of a file.",
            kernels=self.kernels,
            protocol=self.protocol,
        )

    def _check_noise_from(self) -> None:
        check(
            self.noise_from in NOISE_FROM,
            f"`noise_from` must be one of {', '.join(NOISE_FROM)}.",
            noise_from=self.noise_from,
        )
        counted = any(TELLINGS[name].photons for name in self.problem.tellings)
        check(
            self.noise_from != "photons" or counted,
            "`noise_from` photons needs a protocol whose photons are counted: real, photons.",
            protocol=self.protocol,
        )
        check(
            self.noise_from == "telling" or self.noise_error == 1.0,
            "`noise_error` must be left out where the models are not told the noise.",
            noise_error=self.noise_error,
            noise_from=self.noise_from,
        )

    def _check_numbers(self) -> None:
        for name in ("images", "tuning", "batch"):
            value = getattr(self, name)
            check(value >= 1, f"`{name}` must be >= 1.", **{name: value})
        for name in ("kernel_error", "noise_error"):
            factor = getattr(self, name)
            check(0 < factor < 100, f"`{name}` must lie in (0, 100).", **{name: factor})
        check(self.side is None or self.side >= 16, "`side` must be >= 16.", side=self.side)
        check(0 <= self.noise < 1, "`noise` must lie in [0, 1).", noise=self.noise)
        check(self.seed >= 0, "`seed` must be >= 0.", seed=self.seed)


def model_names(paths) -> dict:
    """{name: path}, the name being the folder's without its version; the path where names meet.

    Raises ValueError if a folder is named twice.
    """

    def name(path):
        return path.parent.name if path.name.isdigit() else path.name

    folders = [pathlib.Path(path) for path in paths]
    check(len(set(folders)) == len(folders), "`model` must name different models.", model=paths)
    short = [name(folder) for folder in folders]
    return {s if short.count(s) == 1 else str(f): f for s, f in zip(short, folders, strict=True)}
