import pytest
import torch

from lit_dalle.functional.rotary import rotate, rotation


def naive(x, places):
    """Each pair of channels as a complex number, turned by its place times its frequency."""
    half = x.shape[-1] // 2
    numbers = torch.complex(x[..., :half], x[..., half:])
    for n, (row, column) in enumerate(places):
        for pair in range(half):
            place, own = (row, pair) if pair < half // 2 else (column, pair - half // 2)
            angle = torch.tensor(float(place)) * 100 ** (-own / (half // 2))
            numbers[:, :, n, pair] *= torch.polar(torch.tensor(1.0), angle)
    return torch.cat([numbers.real, numbers.imag], dim=-1)


def test_rotation_equals_complex_numbers():
    torch.manual_seed(0)
    places = torch.randint(0, 9, (1, 5, 2))
    x = torch.randn(2, 3, 5, 8)
    turned = rotate(x, rotation(places, 8, x.dtype))
    torch.testing.assert_close(turned, naive(x, places[0].tolist()))


def test_scores_depend_on_the_distance_alone():
    torch.manual_seed(0)
    q, k = torch.randn(2, 1, 2, 1, 16, dtype=torch.float64)

    def score(query, key):
        turns = [rotation(torch.tensor([[place]]), 16, q.dtype) for place in (query, key)]
        return (rotate(q, turns[0]) * rotate(k, turns[1])).sum(dim=-1)

    torch.testing.assert_close(score([5, 3], [1, 2]), score([8, 9], [4, 8]), rtol=1e-6, atol=1e-6)
    assert not torch.allclose(score([5, 3], [1, 2]), score([5, 3], [2, 2]), atol=1e-3)


def test_the_gradient_is_that_of_autograd():
    torch.manual_seed(0)
    by = rotation(torch.randint(0, 9, (2, 4, 2)), 8, torch.float64)
    x = torch.randn(2, 2, 4, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: rotate(x, by), x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_dtype_is_kept(dtype):
    x = torch.randn(1, 1, 2, 4, dtype=dtype)
    assert rotate(x, rotation(torch.zeros(1, 2, 2), 4, dtype)).dtype == dtype
