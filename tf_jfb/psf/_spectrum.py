"""How well a kernel explains the power spectrum of a blurred image."""

import numpy as np

RADIAL = 5  # degree, in the logarithm of the frequency, of a scene's power
LOWEST = 3  # periods across the image: longer ones are those of the window
ROUNDS = 30  # of Fisher scoring, at most
HALVINGS = 10  # of a step that makes the misfit worse
DONE = 1e-7  # change of the mean misfit
LOOSE = 0.7  # std of the logarithm of the noise's power, about what was told
WEIGHT = 10.0  # of that, against one frequency
MOST = 40.0  # magnitude of a logarithm of power


class Spectrum:
    r"""The power of a grey image at its frequencies, under $|\hat k|^2 e^{X b} + \sigma^2$.

    X b, the logarithm of the scene's power, is a polynomial of $\log |f|$ and two harmonics of the
    direction. b and $\sigma$ are fitted to every kernel.

    Args:
        image: [H, W].
        noise: standard deviation at a pixel, about.
    """

    def __init__(self, image: np.ndarray, noise: float):
        self.shape = image.shape
        rows, columns = np.meshgrid(*map(np.fft.fftfreq, self.shape), indexing="ij")
        radius = np.hypot(rows, columns)
        half = (rows > 0) | ((rows == 0) & (columns > 0))  # the other half is the same
        self.used = half & (radius > LOWEST / min(self.shape)) & (radius <= 0.5)
        self.power = _power(image)[self.used]
        log = np.log(radius[self.used])
        log, angle = (log - log.mean()) / 2, np.arctan2(rows, columns)[self.used]
        turned = [wave(order * angle) for order in (2, 4) for wave in (np.cos, np.sin)]
        self.features = np.stack([*(log**n for n in range(RADIAL + 1)), *turned], axis=1)
        self.noise, self._start = 2 * np.log(noise), None

    def misfit(self, kernel: np.ndarray) -> float:
        """The least negative log-likelihood of the image blurred by `kernel`."""
        transfer = np.abs(np.fft.fft2(kernel, self.shape)[self.used]) ** 2
        b = self._first(transfer) if self._start is None else self._start
        value, scene, total = self._value(b, transfer)
        for _ in range(ROUNDS):
            slopes = self.features * (scene / total)[:, None]
            slopes = np.column_stack([slopes, np.exp(b[-1]) / total])
            gradient = slopes.T @ (1 - self.power / total)
            step = np.linalg.solve(slopes.T @ slopes + 1e-6 * np.eye(len(b)), gradient)
            for halving in range(HALVINGS):
                trial = b - step / 2**halving
                new = self._value(trial, transfer)
                if new[0] < value:
                    break
            else:
                break
            done = value - new[0] < DONE * len(self.power)
            b, (value, scene, total) = trial, new
            if done:
                break
        self._start = b  # of the next kernel, which is much like this one
        return float(value)

    def _value(self, b, transfer) -> tuple:
        scene = np.exp(np.clip(self.features @ b[:-1], -MOST, MOST)) * transfer
        total = scene + np.exp(np.clip(b[-1], -MOST, MOST))
        told = 0.5 * WEIGHT * ((b[-1] - self.noise) / LOOSE) ** 2
        return np.sum(np.log(total) + self.power / total) + told, scene, total

    def _first(self, transfer) -> np.ndarray:
        """A power that falls with the square of the frequency, as large as the image's."""
        b = np.zeros(self.features.shape[1] + 1)
        b[1], b[-1] = -4.0, self.noise
        scene = transfer * np.exp(self.features @ b[:-1])
        signal = np.maximum(self.power - np.exp(self.noise), 0.0).mean()
        b[0] = np.log(max(signal / scene.mean(), 1e-12))
        return b


def _power(image) -> np.ndarray:
    """|DFT|^2 to the number of pixels, under a Hann window of mean square 1, less the mean."""
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape))
    window /= np.sqrt(np.mean(window**2))
    centred = image - np.average(image, weights=window)
    return np.abs(np.fft.fft2(window * centred)) ** 2 / image.size
