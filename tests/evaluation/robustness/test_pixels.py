import torch

from lit_dalle.evaluation.robustness.pixels import SIDE, PixelNearest


def test_scores_are_the_nearest_distances_of_a_loop():
    generator = torch.Generator().manual_seed(0)
    trained = torch.rand(9, 3, 32, 32, generator=generator)
    truth = torch.tensor([0, 0, 1, 1, 1, 3, 3, 3, 3])  # no picture of 2
    seen = torch.rand(4, 3, 32, 32, generator=generator)
    scores = PixelNearest([(trained[:5], truth[:5]), (trained[5:], truth[5:])], 4)(seen)

    def small(image):
        return image.view(3, SIDE, 2, SIDE, 2).mean(dim=(2, 4)).flatten()

    for row, image in zip(scores, seen, strict=True):
        for label in range(4):
            own = trained[truth == label]
            away = [float((small(image) - small(one)).norm()) for one in own]
            expected = -min(away) if away else float("-inf")
            torch.testing.assert_close(float(row[label]), expected, atol=1e-5, rtol=0)
