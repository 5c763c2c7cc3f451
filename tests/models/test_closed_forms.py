"""Filters and EASE with every setting, beside the formulas they are named after, in dense float64.

EASE is exact to 1e-8. The filters keep float32, and singular vectors of it: 1e-5 of the largest
score.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tables import interactions, likes_of

from gnnrec_helpers import Interactions, load
from gnnrec_helpers.models import (
    EASE,
    IALS,
    GraphFilter,
    ItemKNN,
    LinearFilter,
    Model,
    RP3Beta,
    UserKNN,
    ease,
    sharpening,
)
from gnnrec_helpers.models.parts.fold_in import ByProducts
from gnnrec_helpers.models.parts.products import scores_of
from gnnrec_helpers.serving import explain

few = settings(max_examples=60, deadline=None, derandomize=True)
exponents = st.sampled_from([-0.5, 0.0, 0.3, 0.5, 1.0])


def table(users: int, items: int, seed: int = 8) -> np.ndarray:
    """Likes with a user and an item that have none."""
    likes = (np.random.default_rng(seed).random((users, items)) < 0.25).astype(float)
    likes[3] = 0
    likes[:, 5] = 0
    return likes


def powers(degrees: np.ndarray, exponent: float) -> np.ndarray:
    """The diagonal of ``D^-exponent``, 0 where the degree is."""
    return np.array([degree**-exponent if degree else 0.0 for degree in degrees])


# ---------------------------------------------------------------------- the linear filter
def dense_link_propagation(likes: np.ndarray, a: float, b: float, c: float, d: float) -> np.ndarray:
    users, items = likes.sum(1), likes.sum(0)
    out = np.diag(powers(users, a)) @ likes @ np.diag(powers(items, b))
    return out @ likes.T @ np.diag(powers(users, c)) @ likes @ np.diag(powers(items, d))


@few
@given(likes_of(), st.tuples(exponents, exponents, exponents, exponents))
def test_a_filter_with_any_exponents_is_its_formula(
    likes: np.ndarray, chosen: tuple[float, ...]
) -> None:
    model = LinearFilter(interactions(likes), chosen)
    everybody = torch.arange(len(likes))
    expected = dense_link_propagation(likes, *chosen)
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(model.score(everybody), expected, atol=1e-6 * scale)
    np.testing.assert_allclose(model.frozen().score(everybody), expected, atol=1e-6 * scale)
    alone = np.eye(likes.shape[1])  # somebody new with one item: her own degree is 1
    users, items = likes.sum(1), likes.sum(0)
    folded = alone @ np.diag(powers(items, chosen[1])) @ likes.T
    folded = folded @ np.diag(powers(users, chosen[2])) @ likes @ np.diag(powers(items, chosen[3]))
    scale = max(1.0, np.abs(folded).max())
    found = model.item_similarity()(torch.arange(likes.shape[1]))
    np.testing.assert_allclose(found, folded, atol=1e-6 * scale)


def test_the_usual_exponents_are_the_normalized_matrix_twice() -> None:
    likes = table(12, 9)
    normal = likes * powers(likes.sum(1), 0.5)[:, None] * powers(likes.sum(0), 0.5)
    found = LinearFilter(interactions(likes)).score(torch.arange(12))
    np.testing.assert_allclose(found, likes @ normal.T @ normal, atol=1e-6)


def test_the_user_s_own_exponent_changes_no_ranking() -> None:
    likes = table(20, 12)
    everybody = torch.arange(20)
    plain = LinearFilter(interactions(likes)).score(everybody)
    scaled = LinearFilter(interactions(likes), (0.7, 0.5, 1.0, 0.5)).score(everybody)
    sizes = torch.from_numpy(np.maximum(likes.sum(1), 1) ** 0.7).float()[:, None]
    torch.testing.assert_close(scaled * sizes, plain)


# ---------------------------------------------------------------------- the polynomial filter
def dense_filter(
    likes: np.ndarray, components: int, alpha: float, polynomial: tuple[float, ...]
) -> np.ndarray:
    """``(r P + alpha r L) q(P)`` with P written down and a full SVD."""
    users, items = likes.sum(1), likes.sum(0)
    normal = np.diag(powers(users, 0.5)) @ likes @ np.diag(powers(items, 0.5))
    leading = np.linalg.svd(normal)[2][:components].T
    ideal = np.diag(powers(items, 0.5)) @ leading @ leading.T @ np.diag(powers(items, -0.5))
    step = normal.T @ normal
    blurred = likes @ step + alpha * likes @ ideal
    power, total = np.eye(len(items)), np.zeros_like(step)
    for coefficient in polynomial:
        total += coefficient * power
        power = power @ step
    return blurred @ total


POLYNOMIALS = [(1.0,), (0.5,), (0.0, 1.0), (1.0, -0.7), (0.3, 0.0, -1.2), sharpening(2.5)]


@pytest.mark.parametrize("polynomial", POLYNOMIALS)
@pytest.mark.parametrize(("users", "items"), [(30, 20), (15, 25)])
def test_a_filter_with_any_polynomial_is_its_formula(
    polynomial: tuple[float, ...], users: int, items: int
) -> None:
    likes = table(users, items)
    expected = dense_filter(likes, 4, 0.2, polynomial)
    train, everybody = interactions(likes), torch.arange(users)
    model = GraphFilter(train, 4, 0.2, polynomial)
    np.testing.assert_allclose(model.score(everybody), expected, atol=1e-5)
    np.testing.assert_allclose(model.frozen().score(everybody), expected, atol=1e-5)
    one_by_one = [model.frozen().score(user) for user in everybody.split(1)]
    np.testing.assert_allclose(torch.cat(one_by_one), expected, atol=1e-5)
    other = GraphFilter(train, 4, 0.9)
    other.alpha, other.polynomial = 0.2, list(polynomial)  # neither needs other vectors
    torch.testing.assert_close(other.score(everybody), model.score(everybody))
    assert other.identity() == model.identity()
    of_items = GraphFilter(train, 4, 0.2, polynomial).item_similarity()(torch.arange(items))
    alone = model.fold_in()(interactions(np.eye(items)).to_csr())
    torch.testing.assert_close(of_items, alone, atol=1e-5, rtol=1e-4)


@few
@given(likes_of(), st.lists(st.sampled_from([-2.0, -0.5, 0.0, 1.0]), min_size=1, max_size=5))
def test_the_linear_part_of_a_polynomial_filter(likes: np.ndarray, polynomial: list[float]) -> None:
    if min(likes.shape) < 2 or not likes.any():
        return
    model = GraphFilter(interactions(likes), 1, 0.0, polynomial)
    expected = dense_filter(likes, 1, 0.0, tuple(polynomial))
    np.testing.assert_allclose(model.score(torch.arange(len(likes))), expected, atol=2e-5)


def test_sharpening_is_one_runge_kutta_step() -> None:
    h = 2.5
    expected = [1, -h, h**2 / 2, -(h**3) / 6, h**4 / 24]
    assert sharpening(h) == pytest.approx(expected, rel=1e-15)
    assert sum(sharpening(h)) == pytest.approx(0.648, abs=5e-4)  # at eigenvalue 1
    assert sum(sharpening(h, 30)) == pytest.approx(math.exp(-h), rel=1e-6)
    step, y = np.array([[0.6, 0.1], [0.1, 0.3]]), np.array([1.0, 2.0])
    k1 = -y @ step
    k2 = -(y + h / 2 * k1) @ step
    k3 = -(y + h / 2 * k2) @ step
    k4 = -(y + h * k3) @ step
    polynomial = sum(c * np.linalg.matrix_power(step, n) for n, c in enumerate(sharpening(h)))
    np.testing.assert_allclose(y @ polynomial, y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4))
    with pytest.raises(ValueError, match=r"order=0: at least 1 is needed\."):
        sharpening(1.0, 0)


# ---------------------------------------------------------------------- EASE
def dense_ease(
    likes: np.ndarray,
    ridge: float,
    dropout: float,
    user_exponent: float,
    item_exponent: float,
    history_exponent: float,
) -> np.ndarray:
    """The weights between items, in float64."""
    users, items = likes.sum(1), likes.sum(0)
    gram = likes.T @ np.diag(powers(users, user_exponent)) @ likes
    inverse = np.linalg.inv(gram + np.diag(ridge + dropout / (1 - dropout) * items))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    heard = np.diag(powers(items, -history_exponent))
    return heard @ weights @ np.diag(powers(items, item_exponent))


@few
@given(
    likes_of(),
    st.sampled_from([0.5, 20.0]),
    st.sampled_from([0.0, 0.3, 0.9]),
    st.tuples(exponents, exponents, exponents),
)
def test_adaptive_ease_is_its_formula(
    likes: np.ndarray, ridge: float, dropout: float, chosen: tuple[float, float, float]
) -> None:
    """Whichever matrix is inverted, that of items or that of users."""
    for given_likes in (likes, likes.T.copy()):
        train = interactions(given_likes)
        names = ("user_exponent", "item_exponent", "history_exponent")
        model = EASE(train, ridge, dropout=dropout, **dict(zip(names, chosen, strict=True)))
        weights = dense_ease(given_likes, ridge, dropout, *chosen)
        expected, everybody = given_likes @ weights, torch.arange(len(given_likes))
        # before rounding to float32
        np.testing.assert_allclose(scores_of(model.products(), everybody), expected, atol=1e-8)
        fold_in = model.fold_in()
        assert isinstance(fold_in, ByProducts)
        folded = scores_of(fold_in.of(train.to_csr()), everybody)
        np.testing.assert_allclose(folded, expected, atol=1e-8)
        similarity = model.item_similarity()(torch.arange(len(weights)))
        np.testing.assert_allclose(similarity, weights, atol=1e-5)


@pytest.mark.parametrize("history", [0.0, 0.2])
@pytest.mark.parametrize(("users", "items"), [(60, 40), (40, 60)])
def test_adaptive_ease_in_single_precision(
    users: int, items: int, history: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ease, "DOUBLE", 0)
    monkeypatch.setattr(ease, "ROWS", 7)
    likes = table(users, items)
    model = EASE(
        interactions(likes),
        20.0,
        dropout=0.6,
        user_exponent=0.3,
        item_exponent=0.2,
        history_exponent=history,
    )
    assert model._inverse.dtype == torch.float32
    exact = scores_of(model.products(), torch.arange(users))
    assert exact.dtype == torch.float32  # no table of twice the size on the way
    expected = likes @ dense_ease(likes, 20.0, 0.6, 0.3, 0.2, history)
    np.testing.assert_allclose(model.score(torch.arange(users)), expected, atol=1e-6)
    assert model.fold_in()(interactions(likes).to_csr()).numpy() == pytest.approx(
        expected, abs=1e-6
    )


def test_dropout_is_its_expectation() -> None:
    """Ridge regressions on many copies of the likes, each with a share of them hidden."""
    likes, generator = table(25, 8, seed=2), np.random.default_rng(0)
    likes[:, 5] = 1.0
    copies, dropout, ridge = 4000, 0.4, 3.0
    hidden = generator.random((copies, *likes.shape)) < dropout
    # what is left is as large in all as before
    inputs = np.where(hidden, 0.0, likes / (1 - dropout))
    gram = np.einsum("kui,kuj->ij", inputs, inputs) / copies
    inverse = np.linalg.inv(gram + ridge * np.eye(8))
    weights = -inverse / np.diag(inverse)  # an item is predicted by the others alone
    np.fill_diagonal(weights, 0.0)
    model = EASE(interactions(likes), ridge, dropout=dropout)
    found = model.item_similarity()(torch.arange(8))
    np.testing.assert_allclose(found, weights, atol=0.02)


# ---------------------------------------------------------------------- the contract, once more
SETTINGS: dict[str, Callable[[Interactions], Model]] = {
    "LinkProp": lambda train: LinearFilter(train, (0.4, 0.3, 0.8, 0.6)),
    "BSPM": lambda train: GraphFilter(train, 4, 0.2, sharpening(2.5)),
    "adaptive EASE": lambda train: EASE(
        train, 20.0, dropout=0.6, user_exponent=0.3, item_exponent=0.1
    ),
    "EASE as Park et al. have it": lambda train: EASE(
        train, 20.0, dropout=0.6, user_exponent=0.3, item_exponent=0.1, history_exponent=0.1
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(("users", "items"), [(30, 20), (15, 25)])
def test_a_setting_is_kept_wherever_a_model_goes(
    name: str, users: int, items: int, tmp_path: Path
) -> None:
    train = interactions(table(users, items))
    model, everybody = SETTINGS[name](train), torch.arange(users)
    scores = model.score(everybody)
    model.save(tmp_path / "model")
    again = load(tmp_path / "model")
    assert isinstance(again, Model)
    assert torch.equal(again.score(everybody), scores)
    assert again.identity() == model.identity() == SETTINGS[name](train).identity()
    assert repr(again) == repr(model)
    frozen = model.frozen()
    torch.testing.assert_close(frozen.score(everybody), scores, rtol=1e-4, atol=1e-5)
    frozen.save(tmp_path / "frozen")
    thawed = load(tmp_path / "frozen")
    assert torch.equal(thawed.score(everybody), frozen.score(everybody))
    # somebody new with the history of one who is known is answered as she is
    for one in (model, frozen, thawed):
        folded = one.fold_in()(train.to_csr())
        torch.testing.assert_close(folded, scores, rtol=1e-4, atol=1e-5)
    for user in (0, 3, users - 1):
        for item in (1, 5):
            found = explain(model, user, item)
            total = found.terms["contribution"].sum()
            assert total == pytest.approx(found.score, abs=1e-5)
            assert found.score == pytest.approx(float(scores[user, item]), abs=1e-6)
            assert set(found.terms["via"]) == set(train.items_of(user))


def test_every_reason_is_what_is_lost_without_it() -> None:
    """A term of the explanation, against the same model asked without that item."""
    train = interactions(table(30, 20))
    user = 0
    hers = train.items_of(user)
    for name, build in SETTINGS.items():
        model = build(train)
        terms = explain(model, user, 1).terms.set_index("via")["contribution"]
        fold_in = model.fold_in()
        for item in hers:
            history = np.zeros((1, 20))
            history[0, [other for other in hers if other != item]] = 1
            without = float(fold_in(interactions(history).to_csr())[0, 1])
            if name == "LinkProp":  # her own degree is one less then
                without *= ((len(hers) - 1) / len(hers)) ** 0.4
            lost = float(model.score(torch.tensor([user]))[0, 1]) - without
            assert terms[item] == pytest.approx(lost, abs=1e-5)


# ---------------------------------------------------------------------- what is refused
def refused(toy: Interactions) -> dict[str, Callable[[], Any]]:
    return {
        r"exponents=\(0.5, 0.5\): four finite numbers": lambda: LinearFilter(toy, (0.5, 0.5)),
        r"exponents=\(0, 0, nan, 1\): four finite": lambda: LinearFilter(toy, (0, 0, np.nan, 1)),
        r"polynomial=\(\): finite coefficients are": lambda: GraphFilter(toy, 2, polynomial=()),
        r"polynomial=\(1, inf\): finite": lambda: GraphFilter(toy, 2, polynomial=(1, np.inf)),
        r"dropout=1: a share from 0 to below 1": lambda: EASE(toy, dropout=1),
        r"dropout=-0.1: a share from 0 to below 1": lambda: EASE(toy, dropout=-0.1),
        r"user_exponent=inf: a finite number": lambda: EASE(toy, user_exponent=np.inf),
        r"item_exponent=nan: a finite number": lambda: EASE(toy, item_exponent=np.nan),
        r"history_exponent=nan: a finite": lambda: EASE(toy, history_exponent=np.nan),
        r"exponents=3: four finite numbers": lambda: LinearFilter(toy, 3),  # type: ignore[arg-type]
        r"exponents='1234': four finite": lambda: LinearFilter(toy, "1234"),  # type: ignore[arg-type]
        r"polynomial=\(1, None\): finite": lambda: GraphFilter(toy, 2, polynomial=(1, None)),  # type: ignore[arg-type]
        r"polynomial=3: finite": lambda: GraphFilter(toy, 2, polynomial=3),  # type: ignore[arg-type]
    }


def test_what_cannot_be_is_refused_in_a_sentence(toy: Interactions) -> None:
    for message, build in refused(toy).items():
        with pytest.raises(ValueError, match=message):
            build()


NUMBERS: dict[str, tuple[Callable[..., Any], float | None]] = {
    "shrink": (ItemKNN, -1.0),
    "UserKNN's shrink": (UserKNN, -1.0),
    "alpha": (RP3Beta, 0.0),
    "beta": (RP3Beta, -0.1),
    "regularization": (EASE, 0.0),
    "dropout": (EASE, 1.0),
    "user_exponent": (EASE, None),
    "unobserved": (IALS, 0.0),
    "IALS's regularization": (IALS, 0.0),
    "exponent": (IALS, None),
    "GraphFilter's alpha": (lambda toy, **s: GraphFilter(toy, 2, **s), None),
}


@pytest.mark.parametrize("setting", NUMBERS)
def test_a_setting_that_no_formula_survives_is_refused_by_name(
    setting: str, toy: Interactions
) -> None:
    kind, outside = NUMBERS[setting]
    name = setting.split()[-1]
    for value in (math.inf, -math.inf, math.nan, outside):
        if value is not None:
            with pytest.raises(ValueError, match=f"^{name}={value}: .* is needed"):
                kind(toy, **{name: value})
    for odd in (None, "1", True, [1.0]):
        with pytest.raises(TypeError, match=rf"^{name}=.*: a .* is needed\.$"):
            kind(toy, **{name: odd})


@pytest.mark.parametrize("polynomial", [(1.0,), (1.0, -0.5)])
def test_a_filter_of_nothing_scores_nothing(
    polynomial: tuple[float, ...], toy: Interactions
) -> None:
    model = GraphFilter(toy.select([]), 2, polynomial=polynomial)
    assert not model.score(torch.arange(5)).any()
    assert not model.frozen().score(torch.arange(5)).any()
