"""The shared training loop does the steps of the plain one."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers import plotting, training


def small_network():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(48, 8),
        torch.nn.Tanh(),
        torch.nn.Linear(8, 3),
    )


@pytest.fixture
def examples():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    return training.to_tensor(images), torch.from_numpy(rng.integers(0, 3, 50))


def test_the_weights_are_those_of_the_plain_loop(examples):
    x, y = examples
    ours, plain = small_network(), small_network()
    history = training.fit(
        ours,
        x,
        y,
        torch.optim.SGD(ours.parameters(), lr=0.1, momentum=0.9),
        epochs=3,
        batch_size=8,
        generator=torch.Generator().manual_seed(1),
    )
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    for _ in range(3):
        batches = [b.tolist() for b in training.minibatches(50, 8, generator)]
        for inputs, labels in DataLoader(TensorDataset(x, y), batch_sampler=batches):
            optimizer.zero_grad()
            F.cross_entropy(plain(inputs), labels).backward()
            optimizer.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-7)
    assert history[-1] < history[0]


def test_an_epoch_sees_each_example_once():
    batches = list(training.minibatches(50, 8, torch.Generator().manual_seed(0)))
    assert [len(b) for b in batches] == [8] * 6 + [2]
    assert sorted(torch.cat(batches).tolist()) == list(range(50))


def test_a_transform_is_applied_to_the_inputs(examples):
    x, y = examples
    seen = []
    model = small_network()
    training.fit(
        model,
        x,
        y,
        torch.optim.SGD(model.parameters(), lr=0.1),
        epochs=1,
        batch_size=25,
        generator=torch.Generator(),
        transform=lambda batch: seen.append(len(batch)) or batch,
    )
    assert seen == [25, 25]


def test_accuracy_counts_and_keeps_the_mode(examples):
    x, _ = examples
    model = small_network().train()
    labels = model(x).argmax(1)
    labels[:10] = (labels[:10] + 1) % 3
    assert training.accuracy(model, x, labels, batch_size=7) == pytest.approx(0.8)
    assert model.training


def test_images_become_channels_first():
    images = np.arange(2 * 3 * 4 * 3, dtype=np.uint8).reshape(2, 3, 4, 3)
    tensor = training.to_tensor(images)
    assert tensor.shape == (2, 3, 3, 4)
    assert tensor[1, 2, 0, 3] * 255 == images[1, 0, 3, 2]
    assert training.to_tensor(images[..., 0]).shape == (2, 1, 3, 4)
    with pytest.raises(ValueError, match="uint8"):
        training.to_tensor(images.astype(float))


def test_a_band_is_drawn_around_the_mean():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert plotting.plot_band(ax, [0, 1], rows) is ax
    assert ax.lines[0].get_ydata().tolist() == [2.0, 3.0]
    assert len(ax.collections) == 1
