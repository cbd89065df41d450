"""What a server takes of a request, and how it works."""

import dataclasses

from tf_jfb._validate import check


@dataclasses.dataclass(frozen=True)
class Settings:
    """Limits of requests, of batches and of waiting.

    Args:
        max_bytes: of a request's body.
        max_pixels: of an image, height times width; of all images of a `:predict` together.
        max_kernel: side of a kernel, in pixels.
        max_evaluations: that a request may ask for; also the cap where a model's own is larger.
        max_queue: requests that are worked on or wait; one more is answered 429.
        max_batch: images of one solve.
        max_batch_pixels: of one solve; a larger image is solved alone.
        batch_wait: seconds that a request waits for others to be solved with.
        body_seconds: in which a body must have come.
        poll_seconds: between two looks for new versions.
        token: that requests must bear, but those for health; None: none.

    Raises:
        ValueError: a number is not positive, or the token is empty.
    """

    max_bytes: int = 32 << 20
    max_pixels: int = 1 << 22
    max_kernel: int = 129
    max_evaluations: int = 1000
    max_queue: int = 64
    max_batch: int = 8
    max_batch_pixels: int = 1 << 20
    batch_wait: float = 0.01
    body_seconds: float = 30.0
    poll_seconds: float = 5.0
    token: str | None = dataclasses.field(default=None, repr=False)

    def __post_init__(self):
        for name, value in vars(self).items():
            if name != "token":
                check(value > 0, f"`{name}` must be positive.", **{name: value})
        check(self.token is None or bool(self.token), "`token` must not be empty.", token="")
