"""The shared training loop does the steps of the plain one."""

import itertools
import multiprocessing
import time
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from helpers import plotting, training

SERVER = multiprocessing.get_context("forkserver")  # imports torch once
SERVER.set_forkserver_preload(["torch._dynamo"])


def small_network(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 5, 2),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2, stride=1),
        torch.nn.Flatten(),
        torch.nn.Linear(20, 8),
        torch.nn.Tanh(),
        torch.nn.Linear(8, 3),
    )


@pytest.fixture
def examples():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)
    return training.to_tensor(images), torch.from_numpy(rng.integers(0, 3, 50))


MOMENTUM = partial(torch.optim.SGD, lr=0.1, momentum=0.9, fused=True)


@pytest.mark.parametrize("optimizer", [MOMENTUM, partial(torch.optim.Adam, lr=0.01)])
def test_the_weights_are_those_of_the_loop_over_a_data_loader(examples, optimizer):
    model, plain = small_network(1), small_network(1)
    first, second = (torch.Generator().manual_seed(1) for _ in range(2))
    steps, stepper = optimizer(model.parameters()), optimizer(plain.parameters())
    words = {"epochs": 3, "batch_size": 8, "generator": first}
    losses = torch.stack(list(training.train(model, *examples, steps, **words)))
    assert losses.shape == (3, 7)
    loader = DataLoader(TensorDataset(*examples), 8, shuffle=True, generator=second)
    for inputs, labels in itertools.chain(loader, loader, loader):
        stepper.zero_grad()
        F.cross_entropy(plain(inputs), labels).backward()
        stepper.step()
    for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def train(path, pause):
    """Eight epochs with all that a training may keep."""
    torch.manual_seed(0)
    model = small_network().insert(4, torch.nn.Dropout(0.5))
    model.insert(1, torch.nn.BatchNorm2d(5))
    x, y = torch.randn(40, 3, 4, 4), torch.randint(3, (40,))
    adam = torch.optim.Adam(model.parameters(), 0.01)
    fall = torch.optim.lr_scheduler.LinearLR(adam, 1, 0, 8)
    shuffle, losses = torch.Generator().manual_seed(1), []
    parts = {"model": model, "adam": adam, "fall": fall, "losses": losses}
    words = {"epochs": 1, "batch_size": 7, "generator": shuffle}
    for _ in training.resumable(path, 8, shuffle=shuffle, **parts):
        losses += [
            loss.mean().item() for loss in training.train(model, x, y, adam, **words)
        ]
        fall.step()
        time.sleep(pause)
    training.save(path.with_suffix(".end"), [model.state_dict(), torch.tensor(losses)])


def test_a_killed_training_ends_with_the_weights_of_an_undisturbed_one(tmp_path):
    def start(name, pause):
        process = SERVER.Process(target=train, args=(tmp_path / f"{name}.pt", pause))
        process.start()
        return process

    state, killed = tmp_path / "killed.pt", start("killed", pause=0.2)
    while not state.exists() and killed.is_alive():
        time.sleep(0.02)
    time.sleep(0.3)
    killed.kill()
    killed.join()
    assert 1 <= torch.load(state, weights_only=True)["done"] < 8
    # not in this process: last digits depend on the number of threads
    for process in [start(name, pause=0) for name in ("killed", "whole")]:
        process.join()
        assert process.exitcode == 0
    resumed, losses = torch.load(tmp_path / "killed.end", weights_only=True)
    whole, expected = torch.load(tmp_path / "whole.end", weights_only=True)
    assert torch.equal(losses, expected) and len(losses) == 8
    for name, weight in whole.items():
        assert torch.equal(resumed[name], weight), name


@pytest.mark.parametrize("content", [b"", b"not tensors", None])
def test_a_file_of_another_training_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "state.pt"
    training.save(path, {"done": 1, "parts": {"model": {"bias": torch.zeros(2)}}})
    content = path.read_bytes() if content is None else content
    path.write_bytes(content)
    epochs = training.resumable(path, 3, model=small_network())
    with pytest.raises(ValueError, match="delete it to start"):
        next(epochs)
    assert path.read_bytes() == content


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
    assert (
        tensor.shape == (2, 3, 3, 4) and tensor[1, 2, 0, 3] * 255 == images[1, 0, 3, 2]
    )
    assert training.to_tensor(images[..., 0]).shape == (2, 1, 3, 4)
    with pytest.raises(ValueError, match="uint8"):
        training.to_tensor(images.astype(float))


def test_a_band_is_drawn_around_the_mean():
    ax = Figure().subplots()
    rows = np.array([[1.0, 2.0], [3.0, 4.0]])
    assert plotting.plot_band(ax, [0, 1], rows) is ax
    assert ax.lines[0].get_ydata().tolist() == [2.0, 3.0]
    assert len(ax.collections) == 1
