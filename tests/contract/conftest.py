"""Asserts of the contract explain themselves only where pytest rewrites them before the first import."""

import pytest

pytest.register_assert_rewrite("precedent.providers.testing", "precedent.sources.testing")
