"""ComfyUI: the graph of nodes in a PNG's `prompt`, read as far as it follows the usual way.

The way is: a sampler node, from there back along its links to the texts, the empty latents and
the checkpoint. What other nodes do is not understood, and left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from webui.services.metadata.plain import loads, mapping, scalar, text_of
from webui.services.metadata.samplers import sampler_of

MOST_NODES = 5_000
MOST_HOPS = 100
SAMPLERS = ("KSampler", "KSamplerAdvanced", "KSampler (Efficient)", "KSampler Adv. (Efficient)")
CHECKPOINTS = ("ckpt_name", "base_ckpt_name")
LATENTS = ("width", "height")
TEXTS = ("text", "text_g", "string", "prompt", "value", "text_positive")
CONDITIONING = ("conditioning", "conditioning_1", "conditioning_to", "positive", "negative")
NUMBERS = {"steps": "steps", "cfg": "cfg_scale", "seed": "seed", "noise_seed": "seed"}
NOISE = "CPU"
"""ComfyUI draws its noise on the CPU."""

Node = Mapping[str, Any]


def read_graph(text: str) -> dict[str, Any] | None:
    """Request fields of a graph; None when it is none or samples nothing."""
    graph = Graph(mapping(loads(text)))
    samplers = [node for node in graph.nodes.values() if node.get("class_type") in SAMPLERS]
    if not samplers:
        return None
    node = next((n for n in samplers if graph.starts(n)), samplers[0])
    values: dict[str, Any] = {"noise_source": NOISE}
    for name, field in NUMBERS.items():
        value = graph.value(node, name, ("value", "seed", "noise_seed", "int", "float"))
        if value is not None:
            values[field] = value
    name = text_of(graph.value(node, "sampler_name"))
    if name:
        schedule = text_of(graph.value(node, "scheduler"))
        values["sampler"], values["schedule"] = sampler_of(name, schedule)
    for side, field in (("positive", "prompt"), ("negative", "negative_prompt")):
        values[field] = graph.text(node, side)
    values["prompt"] += "".join(graph.loras(node))
    latents = graph.follow(node, "latent_image", ("samples", "latent"), _has(LATENTS))
    for side_name in LATENTS:
        size = graph.value(latents, side_name)
        if size is not None:
            values[side_name] = size
    return {**values, **graph.models(node)}


class Graph:
    """The nodes by id, and how to follow their links. Never raises, whatever the JSON."""

    def __init__(self, nodes: Mapping[str, Any]) -> None:
        rows = list(nodes.items())[:MOST_NODES]
        self.nodes: dict[str, Node] = {
            key: mapping(node) for key, node in rows if mapping(mapping(node).get("inputs"))
        }

    def linked(self, node: Node, name: str) -> Node | None:
        """The node that this input comes from."""
        link = mapping(node.get("inputs")).get(name)
        if isinstance(link, list) and link and isinstance(link[0], (str, int)):
            return self.nodes.get(str(link[0]))
        return None

    def value(self, node: Node | None, name: str, behind: Iterable[str] = ("value",)) -> Any:
        """An input's single value, also from one node behind it."""
        if node is None:
            return None
        value = scalar(mapping(node.get("inputs")).get(name))
        source = self.linked(node, name)
        if value is None and source is not None:
            inputs = mapping(source.get("inputs"))
            value = next((v for n in behind if (v := scalar(inputs.get(n))) is not None), None)
        return value

    def follow(
        self, node: Node, first: str, names: Iterable[str], wanted: Callable[[Node], bool]
    ) -> Node | None:
        """The nearest node that is `wanted`, from the input `first` on along inputs `names`."""
        here = self.linked(node, first)
        for _ in range(MOST_HOPS):
            if here is None or wanted(here):
                return here
            here = next((n for name in names if (n := self.linked(here, name)) is not None), None)
        return None

    def starts(self, node: Node) -> bool:
        """Whether a sampler begins with empty latents, as the first of two passes does."""
        latents = self.linked(node, "latent_image")
        return latents is not None and _has(LATENTS)(latents)

    def text(self, node: Node, side: str) -> str:
        """The prompt that leads to this input of the sampler."""
        encoder = self.follow(node, side, CONDITIONING, lambda n: _inputs(n, TEXTS))
        for _ in range(MOST_HOPS):
            if encoder is None:
                break
            for name in TEXTS:
                text = mapping(encoder.get("inputs")).get(name)
                if isinstance(text, str):
                    return text
            encoder = next((n for name in TEXTS if (n := self.linked(encoder, name))), None)
        return ""

    def loras(self, node: Node) -> list[str]:
        """The tags of the LoRA files on the way from the checkpoint to the sampler."""
        tags: list[str] = []
        here = self.linked(node, "model")
        for _ in range(MOST_HOPS):
            if here is None:
                break
            inputs = mapping(here.get("inputs"))
            name, strength = inputs.get("lora_name"), scalar(inputs.get("strength_model"))
            if isinstance(name, str):
                stem = name.replace("\\", "/").rpartition("/")[2].removesuffix(".safetensors")
                tags.append(f" <lora:{stem}:{1.0 if strength is None else strength}>")
            here = self.linked(here, "model")
        return tags[::-1]

    def models(self, node: Node) -> dict[str, Any]:
        """The checkpoint, the VAE and the skipped layers of the text encoder."""
        found: dict[str, Any] = {}
        source = self.follow(node, "model", ("model",), _has(CHECKPOINTS))
        names = [text_of(self.value(source, name)) for name in CHECKPOINTS]
        if any(names):
            found["checkpoint"] = next(filter(None, names))
        encoder = self.follow(node, "positive", CONDITIONING, lambda n: _inputs(n, ("clip",)))
        if encoder is not None:
            skip = self.follow(encoder, "clip", ("clip",), _has(("stop_at_clip_layer",)))
            layer = self.value(skip, "stop_at_clip_layer")
            if isinstance(layer, int) and layer < 0:
                found["clip_skip"] = -layer
        for other in self.nodes.values():
            if other.get("class_type") == "VAEDecode":
                vae = self.value(self.linked(other, "vae"), "vae_name")
                if isinstance(vae, str):
                    found["vae"] = vae
        return found


def _inputs(node: Node, names: Iterable[str]) -> bool:
    """Whether a node has one of these inputs."""
    inputs = mapping(node.get("inputs"))
    return any(name in inputs for name in names)


def _has(names: Iterable[str]) -> Callable[[Node], bool]:
    """Tests whether a node has one of these inputs."""
    wanted = tuple(names)
    return lambda node: _inputs(node, wanted)
