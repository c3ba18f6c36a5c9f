import pytest

pytest.register_assert_rewrite("jido.testing.engines")
