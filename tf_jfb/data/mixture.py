"""Several sources of images as one."""

import numpy as np

from tf_jfb._validate import check


class Mixture:
    """Equal shares of several sources: image i is image i // n of source i % n, of n.

    An epoch is as long as the longest source makes it; a shorter one starts again within it.

    Args:
        sources: indexable sources of images, such as `FolderSource` or `DeadLeaves`.

    Raises:
        ValueError: there is no source, or one is empty.
    """

    def __init__(self, sources):
        self.sources = tuple(sources)
        check(
            bool(self.sources) and all(len(source) > 0 for source in self.sources),
            "`sources` must be one or more, each with an image.",
            lengths=[len(source) for source in self.sources],
        )

    def __len__(self) -> int:
        return len(self.sources) * max(len(source) for source in self.sources)

    def __getitem__(self, index: int) -> np.ndarray:
        turn, which = divmod(index, len(self.sources))
        source = self.sources[which]
        return source[turn % len(source)]
