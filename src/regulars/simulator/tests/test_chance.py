"""The draws have the shapes they claim, and the raw stream is pinned: a world must not change under a newer NumPy."""

import math

import numpy as np
import pytest

from regulars.simulator.chance import Chance, exp, log

PINNED_UNIFORM = ["0x1.06474afef9e6dp-1", "0x1.d58535bd4fb7bp-1"]
PINNED_GAMMA = ["0x1.5f08960a551b2p-2", "0x1.638369c12e4fbp+0"]


def test_log_and_exp_agree_with_the_machines_own():
    x = np.concatenate([np.linspace(1e-9, 3, 10_001), 10.0 ** np.arange(-300, 300)])
    assert np.allclose(log(x), np.log(x), rtol=5e-15, atol=5e-16)
    y = np.linspace(-650, 650, 10_001)
    assert np.allclose(exp(y), np.exp(y), rtol=5e-15, atol=0)


def test_the_first_draws_of_a_stream_never_change():
    draws = Chance("regulars").stream("pinned")
    assert [float.hex(x) for x in draws.uniform(2).tolist()] == PINNED_UNIFORM
    assert [float.hex(x) for x in draws.gamma(0.6, 2).tolist()] == PINNED_GAMMA


def test_streams_of_one_seed_are_strangers():
    chance = Chance("regulars")
    first, second = chance.stream("arrival").uniform(10_000), chance.stream("rate").uniform(10_000)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.04
    assert (first == Chance("regulars").stream("arrival").uniform(10_000)).all()


@pytest.mark.parametrize("shape", [0.3, 0.6, 1.0, 2.5])
def test_gamma_has_its_mean_and_variance(shape: float):
    x = Chance("gamma").stream(str(shape)).gamma(shape, 200_000)
    assert x.mean() == pytest.approx(shape, abs=4 * math.sqrt(shape / x.size))
    assert x.var() == pytest.approx(shape, rel=0.03)
    assert (x > 0).all()


def test_beta_and_normal_have_their_moments():
    draws = Chance("moments").stream("x")
    share = draws.beta(0.8, 2.4, 100_000)
    assert share.mean() == pytest.approx(0.25, abs=0.004)
    assert share.var() == pytest.approx(0.8 * 2.4 / (3.2**2 * 4.2), rel=0.03)
    normal = draws.normal(100_000)
    assert abs(normal.mean()) < 0.013
    assert normal.var() == pytest.approx(1, rel=0.02)
    assert (normal**4).mean() == pytest.approx(3, rel=0.05)


def test_picks_follow_their_weights():
    found = np.bincount(Chance("picks").stream("x").pick((1, 0, 3, 6), 100_000)) / 100_000
    assert found[1] == 0
    assert found == pytest.approx([0.1, 0, 0.3, 0.6], abs=0.006)
