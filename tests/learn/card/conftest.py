"""Model files, each written once."""

import pytest

from tests.support.model_files import MODEL, paired


@pytest.fixture(scope="session")
def folder_of_models(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="session")
def data(folder_of_models):
    """The bytes of a model file."""
    MODEL.save(folder_of_models / "first.npz")
    return (folder_of_models / "first.npz").read_bytes()


@pytest.fixture(scope="session")
def data_of_pairs(folder_of_models):
    paired().save(folder_of_models / "pairs.npz")
    return (folder_of_models / "pairs.npz").read_bytes()
