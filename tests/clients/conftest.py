"""The service that the clients' own tests have."""

from tests.integration.clients.conftest import faced  # noqa: F401 - a fixture
