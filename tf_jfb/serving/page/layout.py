"""The page itself, by Gradio."""

import functools
import os
import pathlib

# Before Gradio is imported: nobody is told of the page or of its users.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

from tf_jfb.exported import ENSEMBLES, check_ensemble
from tf_jfb.serving.page import blurs, told
from tf_jfb.serving.page.asked import Asked, Limits, number
from tf_jfb.serving.page.examples import EXAMPLES, photograph
from tf_jfb.serving.page.work import ERRORS, opened, restored, shown

CHOSEN, DRAWN, UPLOADED = SOURCES = ("Choose it", "Draw it", "From a file")
KINDS = list(blurs.KINDS)
INTRODUCTION = """# Deblur a photograph
Give a photograph and the blur it has: the model finds the picture that it was before. All stays on
the machine that this page runs on. No photograph at hand? Try one of these:"""
SHARP = "The photograph is sharp: blur it first, to try"
LIGHTS = [("a camera's: light was blurred", "linear"), ("its values were blurred", "encoded")]
RTOLS = {"0.1", "0.01", "0.001", "0.0001"}
# Fonts of the reader's own: no server is asked for others.
FONTS = {"font": ["system-ui", "sans-serif"], "font_mono": ["ui-monospace", "monospace"]}
EDGES = {"checkbox_border_color": "*neutral_400", "checkbox_border_width": "1px"}
CSS = """#verdict {min-height: 6rem}
#kernel {background: var(--block-background-fill)}
#kernel img {image-rendering: pixelated}"""
QUICK = {"api_visibility": "private", "show_progress": "hidden"}
# One solve at a time, whoever asks.
SLOW = {"api_visibility": "private", "concurrency_limit": 1, "concurrency_id": "solve"}


class Page:
    """The page for one `ExportedModel`; `blocks` is Gradio's. Files go below `folder`."""

    def __init__(self, model, limits: Limits, folder):
        self.model, self.limits, self.folder = model, limits, folder
        options = {"title": "tf_jfb", "analytics_enabled": False, "delete_cache": (600, 3600)}
        with gr.Blocks(**options) as self.blocks:
            examples = self._examples()
            gr.Markdown(INTRODUCTION if examples else INTRODUCTION.split(" No photo")[0])
            with gr.Row():
                self.examples = [gr.Button(name, size="sm", min_width=100) for name in examples]
            with gr.Row():
                with gr.Column(scale=2, min_width=320):
                    self._inputs()
                with gr.Column(scale=3, min_width=320):
                    self._outputs()
            self._events(examples)
        self.blocks.queue(max_size=limits.waiting)

    def _inputs(self) -> None:
        self.file = gr.File(label="Photograph", height=110, elem_id="photograph")
        with gr.Group(visible=self.model.takes_kernel):
            self._blur()
        self.noise = gr.Slider(
            0.001, 0.1, 0.01, step=0.001, label="Noise (std over white)", elem_id="noise",
            visible=self.model.takes_noise, info="Estimated once there is a photograph.",
        )  # fmt: skip
        side = self.limits.middle
        self.middle = gr.Checkbox(True, label=f"Only {side} x {side} in the middle: a quick look")
        with gr.Accordion("The solve", open=False):
            self.light = gr.Radio(LIGHTS, value="linear", label="The photograph is")
            most = self.limits.evaluations
            cap = min(most, self.model.max_evaluations)
            self.cap = gr.Slider(1, most, cap, step=1, label="Evaluations, at most", elem_id="cap")
            own = f"{self.model.rtol:g}"
            rtols = sorted({*RTOLS, own}, key=float, reverse=True)
            self.rtol = gr.Dropdown(rtols, value=own, label="Relative tolerance", elem_id="rtol")
            self.ensemble = gr.Radio(
                ENSEMBLES, value=1, label="Mean of so many", elem_id="ensemble",
                info="Turned and mirrored: nearer to the scene, in as many times the time.",
                visible=self._turns(),
            )  # fmt: skip
        self.button = gr.Button("Restore", variant="primary", elem_id="restore")

    def _blur(self) -> None:
        """Sliders of every kind of blur, those of the chosen one being shown."""
        self.source = gr.Radio(SOURCES, value=CHOSEN, label="The blur", elem_id="source")
        with gr.Row():
            with gr.Column(min_width=170, scale=3):
                self.kind = gr.Dropdown(KINDS, value=KINDS[0], label="Kind", elem_id="kind")
                self.sliders = {
                    kind: [
                        gr.Slider(*c[1:3], c.value, step=c.step, label=c.label, visible=not i)
                        for c in controls
                    ]
                    for i, (kind, (_, *controls)) in enumerate(blurs.KINDS.items())
                }
                self.canvas = _canvas()
                self.side = gr.Slider(3, 65, 21, step=2, label="Its side, pixels", visible=False)
                self.kernel_file = gr.File(label="Kernel", visible=False, height=110)
            self.kernel = gr.Image(
                show_label=False, height=170, min_width=120, buttons=[], scale=2, elem_id="kernel",
                interactive=False, container=False,
            )  # fmt: skip
        self.simulate = gr.Checkbox(label=SHARP, elem_id="simulate")

    def _outputs(self) -> None:
        self.verdict = gr.Markdown("### Drop a photograph, or take an example", elem_id="verdict")
        self.slider = gr.ImageSlider(
            label="Before and after", interactive=False, format="png", elem_id="slider",
            max_height=620, buttons=["fullscreen"],
        )  # fmt: skip
        self.curve = gr.Plot(show_label=False, elem_id="curve", visible=False)
        with gr.Row():
            self.downloads = [
                gr.DownloadButton(text, interactive=False, elem_id=name, min_width=120)
                for text, name in (("Save picture", "picture"), ("Save report", "report"))
            ]

    def _examples(self) -> dict:
        """Those that the model can do; none where the photograph was not installed."""
        usable = self.model.takes_kernel and self.model.channels == 3 and photograph() is not None
        return EXAMPLES if usable else {}

    def _events(self, examples) -> None:
        values = [slider for sliders in self.sliders.values() for slider in sliders]
        known = [self.source, self.kind, *values, self.canvas, self.side, self.kernel_file]
        rest = [self.simulate, self.noise, self.middle, self.light, self.cap, self.rtol]
        rest += [self.ensemble]
        fields, outputs = [self.file, *known, *rest], [self.verdict, self.slider, self.curve]
        outputs += self.downloads
        slow = SLOW | {"show_progress_on": [self.slider], "scroll_to_output": True}
        opens = [self.slider, self.noise, self.verdict]
        gr.on([self.file.upload, self.file.clear], self._open, self.file, opens, **QUICK)
        choice = [self.source, self.kind]
        gr.on([one.change for one in choice], _choose, choice, known[1:], **QUICK)
        if self.model.takes_kernel:
            triggers = [self.blocks.load, *(one.change for one in known)]
            gr.on(triggers, self._draw, known, self.kernel, **QUICK)
        self.button.click(self._restore, fields, outputs, **slow)
        for button, name in zip(self.examples, examples, strict=True):
            example = functools.partial(self._example, name)
            event = button.click(example, None, [*choice, *values, *rest, self.file], **QUICK)
            event.then(self._restore, fields, outputs, **slow)

    def _turns(self) -> bool:
        """Whether the model restores what is turned as well."""
        try:
            check_ensemble(2, self.model)
        except ValueError:
            return False
        return True

    def _open(self, path):
        """What a new photograph changes: the picture, the noise, the words."""
        if path is None:
            return None, gr.skip(), gr.skip()
        try:
            found = opened(path, self.limits)
        except ERRORS as error:
            return None, gr.skip(), told.refusal(error)
        info = f"Estimated of the photograph: {found.noise:.4f}."
        info += f" Doubtful: {found.doubt}." if found.doubt else ""
        size = " x ".join(map(str, found.photo.pixels.shape[1::-1]))
        words = f"### Ready\n{size} pixels. Say how it was blurred, then press Restore."
        noise = gr.update(value=max(0.001, round(found.noise, 3)), info=info)
        return (found.picture, found.picture), noise, words

    def _draw(self, *known):
        """The kernel's picture; none while there is no kernel."""
        try:
            return blurs.picture(self._kernel(*known)[0])
        except ERRORS:
            return None

    def _kernel(self, source, kind, *rest) -> tuple:
        """(kernel, which in words)."""
        *values, canvas, side, file = rest
        if source == DRAWN:
            return blurs.drawn(canvas, side), "drawn"
        if source == UPLOADED:
            return blurs.uploaded(file, self.limits.kernel), pathlib.Path(file).name
        each = iter(values)
        told_ = {name: [next(each) for _ in those] for name, those in self.sliders.items()}
        name = blurs.name_of(kind, *told_.get(kind, ()))
        return blurs.pictures.kernel_of_name(name, self.limits.kernel), name

    def _restore(self, file, *fields, progress=gr.Progress()):  # noqa: B008  Gradio looks for it
        """Yields the outputs as the solve goes on."""
        closed = [gr.update(interactive=False, value=None)] * 2
        try:
            asked, words = self._asked(file, *fields)
            yield "### Solving ...", gr.skip(), gr.skip(), *closed
            tell = functools.partial(_tell, progress)
            for step in restored(self.model, asked, self.limits, tell):
                buttons = self._written(step, asked, words) if step.done else closed
                pair = (shown(step.blurred), shown(step.result.photo))
                figure = told.curve(step, asked.rtol)
                curve = gr.update(value=figure, visible=figure is not None)
                yield told.verdict(step, asked.rtol), pair, curve, *buttons
        except ERRORS as error:
            yield told.refusal(error), gr.skip(), gr.skip(), *closed

    def _asked(self, file, *fields) -> tuple:
        """(what is asked for, the kernel in words)."""
        *known, simulate, noise, middle, light, cap, rtol, ensemble = fields
        photo, takes = opened(file, self.limits).photo, self.model.takes_kernel
        kernel, words = self._kernel(*known) if takes else (None, "the model's own")
        options = {"simulate": bool(simulate), "middle": self.limits.middle if middle else None}
        cap = number("max_evaluations", cap, 1, self.limits.evaluations)
        options |= {"rtol": float(rtol or "nan"), "max_evaluations": cap, "ensemble": ensemble}
        return Asked(photo, kernel, noise, light, **options), words

    def _written(self, step, asked, words) -> list:
        known = told.report(step, self.model, asked, words)
        paths = told.files(step, known, self.folder)
        return [gr.update(value=path, interactive=True) for path in paths]

    def _example(self, name):
        one = EXAMPLES[name]
        values = [
            (one["blur"][1:] if kind == one["blur"][0] else [c.value for c in controls])
            for kind, (_, *controls) in blurs.KINDS.items()
        ]
        own = [one.get("cap", self.model.max_evaluations), f"{self.model.rtol:g}", 1]
        rest = [True, one["noise"], True, "linear", *own]
        return [CHOSEN, one["blur"][0], *sum(map(list, values), []), *rest, photograph()]


def _choose(source, kind):
    """Shows what belongs to where the blur comes from, and to its kind."""
    seen = [source == CHOSEN]
    seen += [
        source == CHOSEN and kind == name
        for name, (_, *those) in blurs.KINDS.items()
        for _ in those
    ]
    seen += [source == DRAWN, source == DRAWN, source == UPLOADED]
    return [gr.update(visible=one) for one in seen]


def _tell(progress, done, tiles) -> None:
    progress((done, tiles), unit="tiles")


def _canvas():
    return gr.Sketchpad(
        show_label=False, canvas_size=(240, 240), type="numpy", layers=False, transforms=[],
        fixed_canvas=True, visible=False, elem_id="canvas", height=330,
        placeholder="Take the brush and draw the path of a point of light",
        brush=gr.Brush(default_size=14, colors=["#000000"], color_mode="fixed"),
    )  # fmt: skip
