"""Draw the training curves of the three nets from their TensorBoard logs, for the model card.

python scripts/curves.py runs/world docs/images/curves.png
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

PANELS = {
    "dvae": ("dVAE: PSNR of hard tokens, dB", ("val/psnr",)),
    "clip": ("CLIP: loss, nats (chance 5.5)", ("train/loss", "val/loss")),
    "dalle": ("prior: loss per image token, nats", ("train/image_loss", "val/image_loss")),
}


def main() -> None:
    """Read the logs and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", type=Path)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    figure, axes = plt.subplots(1, len(PANELS), figsize=(12, 3.2), layout="constrained")
    for axis, (net, (title, tags)) in zip(axes, PANELS.items(), strict=True):
        events = EventAccumulator(str(options.runs / net), size_guidance={"scalars": 0})
        events.Reload()
        for tag in tags:
            scalars = events.Scalars(tag)
            style = "o-" if tag.startswith("val/") else "-"
            axis.plot([s.step for s in scalars], [s.value for s in scalars], style, label=tag)
        axis.set(title=title, xlabel="update")
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(options.out, dpi=80)


if __name__ == "__main__":
    main()
