"""What the page does with what is asked of it, without Gradio."""

import io
import json
import pathlib
import zlib

import keras
import numpy as np
import pytest
import tifffile
from PIL import Image

from tf_jfb import models, networks
from tf_jfb.data import Photo, dead_leaves, read_image
from tf_jfb.exported import ExportedModel, Restored, deblur_photo, export
from tf_jfb.operators import Blur, kernels
from tf_jfb.serving.page import Asked, Limits, blurs, examples, opened, restored, told
from tf_jfb.serving.page.work import Step, middle, shown, simulated
from tf_jfb.serving.server.refused import RefusedError
from tf_jfb.solvers import Status


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    keras.utils.set_random_seed(0)
    network = networks.UNet((4, 6), blocks=1, lipschitz=1.0, gain=1e-3)
    made = models.DEHQS(None, network, rho=0.01)
    made.build((None, None, None, 3))
    return ExportedModel.open(export(made, tmp_path_factory.mktemp("page") / "any" / "1"))


def photo(side=32, seed=0):
    return Photo(dead_leaves(1, side, seed=seed)[0])


def asked(**options):
    told_ = {"photo": photo(), "kernel": kernels.gaussian(5, 1.0), "noise": 0.01}
    return Asked(**told_ | options)


def step(status=Status.CAP, trace=(0.1, 0.05, 0.02, 0.01), sharp=None, done=True):
    trace = None if trace is None else np.float32(trace)
    residual = 0.01 if trace is None else float(trace[-1])
    result = Restored(photo(), len(trace), residual, status, trace)
    return Step(sharp, photo(), result, 1.0, done)


def test_a_first_look_then_the_whole_solve(model):
    one = asked(rtol=0.0, max_evaluations=12)
    first, last = restored(model, one, Limits())
    assert (first.done, first.result.evaluations) == (False, 4)
    assert (last.done, last.result.evaluations) == (True, 12) and len(last.result.trace) == 12
    told_ = {"kernel": one.kernel, "noise": 0.01, "rtol": 0.0, "max_evaluations": 12}
    alone = deblur_photo(model, one.photo, light="linear", **told_)
    np.testing.assert_allclose(last.result.photo.pixels, alone.photo.pixels, atol=1e-5)


def test_a_first_look_that_converges_is_the_last(model):
    (only,) = restored(model, asked(rtol=0.9, max_evaluations=50), Limits())
    assert only.done and only.result.status == Status.CONVERGED


def test_the_first_look_is_of_one_the_last_of_the_ensemble(model):
    one = asked(rtol=0.9, max_evaluations=12, ensemble=4)
    first, last = restored(model, one, Limits())
    assert (first.done, last.done) == (False, True)
    told_ = {"kernel": one.kernel, "noise": 0.01, "rtol": 0.9, "max_evaluations": 12}
    alone = deblur_photo(model, one.photo, light="linear", ensemble=4, **told_)
    np.testing.assert_allclose(last.result.photo.pixels, alone.photo.pixels, atol=1e-5)
    assert told.report(last, model, one, "gaussian:5:1")["ensemble"] == 4


def test_large_photographs_go_in_tiles_and_tell_how_far(model):
    done = []
    small = Limits(together=50 * 50)
    one = asked(photo=Photo(photo(230).pixels[:40]), kernel=kernels.box(3), max_evaluations=9)
    (only,) = restored(model, one, small, lambda *n: done.append(n))
    assert only.result.photo.pixels.shape == (40, 230, 3)
    assert done[-1][0] == done[-1][1] > 1 and told.curve(only, 1e-3) is None


def test_a_simulated_blur_is_of_light_and_loses_its_edge():
    one = asked(photo=photo(40), kernel=kernels.line(9, 0), noise=1e-6, simulate=True)
    sharp, blurred = simulated(one.photo, one)
    encoded = simulated(one.photo, asked(**vars(one) | {"light": "encoded"}))[1]
    plain = Blur(one.kernel)(one.photo.pixels[None])[0].numpy()
    edge = [k // 2 for k in one.kernel.shape]
    inner = plain[edge[0] : 40 - edge[0], edge[1] : 40 - edge[1]]
    assert sharp.pixels.shape == blurred.pixels.shape == inner.shape
    np.testing.assert_allclose(encoded.pixels, inner, atol=1e-4)
    assert np.abs(blurred.pixels - encoded.pixels).max() > 0.01


def test_the_middle_is_cut_with_its_mask_and_alpha():
    whole = photo(40)._replace(alpha=np.ones((40, 40, 1), np.float32))
    part = middle(whole, 16)
    np.testing.assert_array_equal(part.pixels, whole.pixels[12:28, 12:28])
    assert part.alpha.shape == (16, 16, 1) and part.mask is None
    assert middle(whole, 99).pixels.shape == (40, 40, 3)


def test_pictures_for_the_page_are_small_colour_and_encoded():
    wide = Photo(np.full((10, 3000, 1), 0.25, np.float32), linear=True)
    picture = shown(wide)
    assert picture.shape == (4, 1280, 3) and picture.dtype == np.uint8
    assert np.all(picture == 137)  # sRGB of a quarter of the light


@pytest.mark.parametrize("kind", blurs.KINDS)
def test_every_kind_of_blur_gives_a_kernel_at_both_ends(kind):
    controls = blurs.KINDS[kind][1:]
    for end in ("least", "value", "most"):
        name = blurs.name_of(kind, *(getattr(c, end) for c in controls))
        kernel = kernels.parse(name)
        assert kernel.sum() == pytest.approx(1.0, abs=1e-5) and max(kernel.shape) <= 129
    with pytest.raises(ValueError, match="must lie in"):
        blurs.name_of(kind, *[float("nan")] * len(controls))


def canvas(paint):
    layer = np.zeros((60, 60, 4), np.uint8)
    layer[..., 3] = paint
    return {"background": None, "layers": [layer], "composite": layer}


def test_a_drawing_becomes_a_centred_kernel():
    paint = np.zeros((60, 60))
    paint[8:12, 5:35] = 255
    kernel = blurs.drawn(canvas(paint), 15)
    assert kernel.shape == (15, 15) and kernel.sum() == pytest.approx(1.0)
    rows, columns = np.indices(kernel.shape)
    centre = [(index * kernel).sum() for index in (rows, columns)]
    np.testing.assert_allclose(centre, 7, atol=0.05)
    assert np.count_nonzero(kernel.sum(1) > 0.01) <= 2  # a horizontal line
    assert np.count_nonzero(kernel.sum(0) > 0.01) == pytest.approx(8, abs=1)


@pytest.mark.parametrize(
    "drawing", [None, {}, canvas(0), {"layers": [np.zeros((4, 4))]}, {"layers": [None]}]
)
def test_no_drawing_is_told_of(drawing):
    with pytest.raises(ValueError, match="draw"):
        blurs.drawn(drawing, 15)


def test_a_kernel_comes_from_a_file(tmp_path):
    file = tmp_path / "k.png"
    Image.fromarray(np.uint8(255 * np.eye(5))).save(file)
    np.testing.assert_allclose(blurs.uploaded(str(file), 129), np.eye(5) / 5, atol=1e-6)
    with pytest.raises(RefusedError, match="at most 9 pixels"):
        blurs.uploaded(str(file), 3)
    with pytest.raises(ValueError, match="Upload a kernel first"):
        blurs.uploaded(None, 129)
    picture = blurs.picture(kernels.line(7, 0))
    assert picture.shape[0] == picture.shape[1] and picture.max() == 255


def bomb(width, height) -> bytes:
    """A PNG whose header tells of far more pixels than it has."""
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "PNG")
    data = bytearray(content.getvalue())
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def test_unusable_files_are_refused_before_they_are_decoded(tmp_path):
    file = tmp_path / "photo.png"
    for content, reason in (
        (bomb(9_000, 9_000), "must have at most"),
        (bomb(20, 20), "photograph"),  # damaged
        (bomb(20_000, 20_000), "must be smaller"),
        (b"no picture", "photograph` must be usable: cannot identify image file$"),
        (b"", "photograph"),
        (b"x" * 2000, "bytes"),
    ):
        file.write_bytes(content)
        with pytest.raises((RefusedError, ValueError), match=reason):
            opened(str(file), Limits(bytes=1500))
    Image.new("RGBA", (8, 8)).save(file)
    with pytest.raises(ValueError, match="16 pixels"):
        opened(str(file), Limits())
    with pytest.raises(ValueError, match="Drop a photograph"):
        opened(None, Limits())


def test_a_photograph_of_floats_may_hold_nan_and_is_masked(tmp_path):
    pixels = photo().pixels.copy()
    pixels[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "photo.tif", pixels, photometric="rgb")
    found = opened(str(tmp_path / "photo.tif"), Limits())
    assert np.isfinite(found.photo.pixels).all() and found.photo.mask.min() == 0
    assert 0.001 <= found.noise <= 0.1 and np.isfinite(found.picture).all()


def test_the_noise_of_a_jpeg_includes_what_its_compression_took(tmp_path):
    Image.fromarray(np.uint8(255 * photo().pixels.clip(0, 1))).save(tmp_path / "a.jpg", quality=30)
    found = opened(str(tmp_path / "a.jpg"), Limits())
    assert found.noise >= min(found.photo.taken, 0.1) > 0.01


@pytest.mark.parametrize(
    "options, reason",
    [
        ({"noise": float("nan")}, "`noise`"),
        ({"noise": 0.0}, "`noise` must be positive"),
        ({"noise": "0.1"}, "`noise`"),
        ({"rtol": float("inf")}, "`rtol`"),
        ({"max_evaluations": 0}, "`max_evaluations`"),
        ({"ensemble": 3}, "`ensemble`"),
        ({"max_evaluations": 10**9}, "`max_evaluations`"),
        ({"light": "dark"}, "`light`"),
        ({"kernel": np.ones((33, 3))}, "larger than the photograph"),
        ({"kernel": None, "simulate": True}, "needs a kernel"),
    ],
)
def test_what_cannot_be_asked_is_refused(options, reason):
    with pytest.raises(ValueError, match=reason):
        asked(**options)


def test_it_is_said_plainly_when_a_solve_did_not_converge():
    falls = told.verdict(step(), 1e-3)
    assert falls.startswith("### Did not converge") and "raise the cap to 20" in falls, falls
    still = told.verdict(step(trace=[0.1, 0.011, 0.01, 0.01, 0.01, 0.01]), 1e-3)
    assert "hardly help" in still and "raise the cap" not in still
    assert "Do not use" in told.verdict(step(Status.DIVERGED), 1e-3)
    good = told.verdict(step(Status.CONVERGED), 1e-3)
    assert good.startswith("### Converged") and "Next" not in good
    assert told.verdict(step(done=False), 1e-3).startswith("### Solving")
    simulated_ = told.verdict(step(Status.CONVERGED, sharp=photo(seed=1)), 1e-3)
    assert "dB" in simulated_


def test_a_refusal_is_one_line_without_markup():
    assert told.refusal(ValueError("<b>no</b>\nmore")) == "### Not restored\n&lt;b&gt;no&lt;/b&gt;"
    assert "MemoryError" in told.refusal(MemoryError())
    white = ValueError("its values reach 7: `white` must say which of them is white")
    assert told.refusal(white).endswith("its values reach 7: divide them by the value of white")
    assert "too large" in told.refusal(RefusedError(413, "too large"))


def test_the_report_holds_what_the_solve_told(model, tmp_path):
    one = asked(rtol=0.0, max_evaluations=3, simulate=True)
    (last,) = restored(model, one, Limits())
    known = told.report(last, model, one, "gaussian:5:1")
    picture, text = told.files(last, known, tmp_path)
    read = json.loads(pathlib.Path(text).read_text())
    assert read["model"] == "any/1" and read["status"] == "CAP" and len(read["trace"]) == 3
    assert read["psnr_restored"] == pytest.approx(told.quality(last)["psnr"][1])
    found = read_image(picture).pixels
    np.testing.assert_allclose(found, last.result.photo.pixels, atol=0.51 / 255)
    assert len(told.curve(last, 1e-3).axes[0].lines[0].get_xdata()) == 3


def test_a_floating_photograph_comes_back_as_tiff(tmp_path):
    one = step()
    floating = one.result._replace(photo=photo()._replace(bits=32, dtype="float32"))
    picture, _ = told.files(one._replace(result=floating), {}, tmp_path)
    assert picture.endswith("restored.tif")
    np.testing.assert_array_equal(read_image(picture).pixels, floating.photo.pixels)


def test_the_examples_can_be_shown():
    assert examples.photograph() is not None
    for one in examples.EXAMPLES.values():
        kernel = kernels.parse(blurs.name_of(*one["blur"]))
        Asked(photo(64), kernel, one["noise"], simulate=True)


def test_limits_are_positive():
    with pytest.raises(ValueError, match="`pixels` must be positive"):
        Limits(pixels=0)
