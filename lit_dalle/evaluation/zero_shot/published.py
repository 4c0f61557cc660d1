"""Published zero-shot accuracies, to stand beside what is measured ([C] table 11)."""

from lit_dalle.models.clip_config import ClipConfig

TOWERS: dict[str, tuple[int, int, int, int, tuple[int, ...]]] = {
    "RN50": (224, 1024, 64, 32, (3, 4, 6, 3)),
    "RN101": (224, 512, 64, 32, (3, 4, 23, 3)),
    "RN50x4": (288, 640, 80, 40, (4, 6, 10, 6)),
    "RN50x16": (384, 768, 96, 48, (6, 8, 18, 8)),
    "RN50x64": (448, 1024, 128, 64, (3, 15, 36, 10)),
    "ViT-B/32": (224, 512, 768, 32, ()),
    "ViT-B/16": (224, 512, 768, 16, ()),
    "ViT-L/14": (224, 768, 1024, 14, ()),
    "ViT-L/14@336": (336, 768, 1024, 14, ()),
}
"""Picture size, feature width, tower width, patch size (or heads of the pool) and stages."""
TOP1: dict[str, dict[str, float]] = {
    "imagenet": {
        "RN50": 59.6,
        "RN101": 62.2,
        "ViT-B/32": 63.2,
        "ViT-B/16": 68.6,
        "ViT-L/14": 75.3,
        "ViT-L/14@336": 76.2,
    },
    "cifar10": {
        "RN50": 75.6,
        "RN101": 81.0,
        "ViT-B/32": 91.3,
        "ViT-B/16": 91.6,
        "ViT-L/14": 96.2,
        "ViT-L/14@336": 95.7,
    },
    "cifar100": {
        "RN50": 41.6,
        "RN101": 49.0,
        "ViT-B/32": 65.1,
        "ViT-B/16": 68.7,
        "ViT-L/14": 77.9,
        "ViT-L/14@336": 77.5,
    },
}
"""Top-1 accuracy in per cent, by data set and tower."""


def tower_name(config: ClipConfig) -> str | None:
    """Return the published name of a CLIP's tower; None where its sizes are others."""
    stages = config.vision_stages
    cut = config.vision_heads if stages else config.patch_size
    sizes = (config.image_size, config.embed_dim, config.vision_dim, cut, tuple(stages))
    return next((name for name, known in TOWERS.items() if known == sizes), None)


def published_top1(config: ClipConfig, data_set: str | None) -> float | None:
    """Return the published share of right pictures, where the pair is known.

    The sizes tell which CLIP it is: weights of the same sizes that were trained otherwise, as those
    of open_clip, have other accuracies.

    Args:
        config: Sizes of the CLIP.
        data_set: Name of the published set of templates.
    """
    tower = tower_name(config)
    found = None if tower is None or data_set is None else TOP1.get(data_set, {}).get(tower)
    return None if found is None else found / 100
