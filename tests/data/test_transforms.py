import numpy as np
import pytest
from PIL import Image

from lit_dalle.data.draws import generator
from lit_dalle.data.transforms import augment, augment_for_dvae, augment_for_prior, centre

KINDS = ["none", "dvae", "prior", "clip", "artwork"]


def gradient(width: int, height: int) -> Image.Image:
    """Red tells the column, green the row."""
    across = np.linspace(0, 255, width, dtype=np.uint8)[None].repeat(height, 0)
    down = np.linspace(0, 255, height, dtype=np.uint8)[:, None].repeat(width, 1)
    return Image.fromarray(np.stack([across, down, np.zeros_like(down)], axis=-1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(90, 60), (60, 90), (32, 32), (10, 7), (500, 33), (1, 1)])
def test_any_shape_becomes_a_square(kind, shape):
    for index in range(8):
        image = augment(gradient(*shape), 32, kind, generator(0, 0, index))
        assert (image.size, image.mode) == ((32, 32), "RGB")
    assert centre(gradient(*shape), 32, kind).size == (32, 32)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_draws_give_the_same_picture(kind):
    image = gradient(90, 60)
    once, again, other = (augment(image, 32, kind, generator(0, 1, i)) for i in (5, 5, 6))
    assert once.tobytes() == again.tobytes()
    assert (once.tobytes() == other.tobytes()) == (kind == "none")


def test_only_the_dvae_sees_mirrored_pictures():
    def mirrored(kind):
        pictures = (augment(gradient(90, 60), 32, kind, generator(0, 0, i)) for i in range(60))
        reds = [np.asarray(picture)[..., 0].astype(int) for picture in pictures]
        return sum(red[0, 0] > red[0, -1] for red in reds)

    assert mirrored("prior") == mirrored("clip") == 0
    assert 15 < mirrored("dvae") < 45


def test_the_dvae_s_crops_reach_the_ends_and_the_prior_s_stay_near_the_centre():
    wide = gradient(256, 64)

    def reach(augmentation):
        pictures = [augmentation(wide, 32, generator(0, 0, index)) for index in range(200)]
        reds = np.stack([np.asarray(picture)[..., 0] for picture in pictures])
        return reds.min(), reds.max()

    low, high = reach(augment_for_dvae)
    assert low < 10
    assert high > 245
    low, high = reach(augment_for_prior)
    assert low >= 3 / 8 * 192 - 2
    assert high <= 5 / 8 * 192 + 64 + 2


def test_the_dvae_s_crops_show_at_most_eight_ninths_and_at_least_eight_twelfths():
    """Resized to 9/8 to 12/8 of the size, a side keeps that share in the crop ([P] listing 1)."""
    shares = []
    for index in range(200):
        red = np.asarray(augment_for_dvae(gradient(256, 256), 32, generator(0, 0, index)))[..., 0]
        shares.append((int(red.max()) - int(red.min())) / 255)
    assert 0.6 < min(shares) < 0.68
    assert 0.84 < max(shares) < 0.9


def test_the_centre_of_a_picture_of_the_right_size_is_the_picture():
    image = gradient(32, 32)
    assert centre(image, 32) is image


def test_the_centre_is_the_middle_square():
    red = np.asarray(centre(gradient(90, 30), 30))[..., 0]
    assert abs(int(red[0, 0]) - 255 * 30 / 89) < 4
    assert abs(int(red[0, -1]) - 255 * 59 / 89) < 4


def test_an_unknown_augmentation_is_named():
    with pytest.raises(ValueError, match="no augmentation 'zoom'; there are none, dvae"):
        augment(gradient(8, 8), 8, "zoom", generator(0))
