"""Images and their degradation."""

from tf_jfb.data import light
from tf_jfb.data._listing import find_images, list_images
from tf_jfb.data.celeba import celeba
from tf_jfb.data.dead_leaves import DeadLeaves, dead_leaves
from tf_jfb.data.degradation import Degradation, Drawn, Fixed
from tf_jfb.data.degrade import degrade
from tf_jfb.data.folder import FolderSource, centre, folder, split_folder
from tf_jfb.data.image_io import Photo, read_image, read_pages, write_image
from tf_jfb.data.mixture import Mixture
from tf_jfb.data.random_blurs import RandomBlurs, degrade_randomly
from tf_jfb.data.simulated import simulate
from tf_jfb.data.sources import examples

__all__ = [
    "DeadLeaves",
    "Degradation",
    "Drawn",
    "Fixed",
    "FolderSource",
    "Mixture",
    "Photo",
    "RandomBlurs",
    "celeba",
    "centre",
    "dead_leaves",
    "degrade",
    "degrade_randomly",
    "examples",
    "find_images",
    "folder",
    "light",
    "list_images",
    "read_image",
    "read_pages",
    "simulate",
    "split_folder",
    "write_image",
]
