"""Principal components against the covariance and scikit-learn."""

import numpy as np
import pytest

from neural.components import PrincipalComponents

pytestmark = pytest.mark.interpreted


@pytest.fixture
def x():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 4)) @ rng.normal(size=(4, 5)) + 3.0


def test_the_components_diagonalise_the_covariance(x):
    components = PrincipalComponents.of(x)
    covariance = components.vectors @ np.cov(x.T) @ components.vectors.T
    np.testing.assert_allclose(covariance, np.diag(np.diag(covariance)), atol=1e-10)
    assert np.all(np.diff(np.diag(covariance)) < 1e-10)


def test_four_components_of_four_dimensions_rebuild_everything(x):
    components = PrincipalComponents.of(x)
    np.testing.assert_allclose(components.rebuilt(x, 4), x, atol=1e-12)
    errors = [np.sum((components.rebuilt(x, d) - x) ** 2) for d in range(5)]
    assert np.all(np.diff(errors) < 0)


def test_scikit_learn_projects_to_the_same_up_to_signs(x):
    from sklearn.decomposition import PCA

    ours, theirs = PrincipalComponents.of(x).project(x, 3), PCA(3).fit_transform(x)
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), atol=1e-10)
