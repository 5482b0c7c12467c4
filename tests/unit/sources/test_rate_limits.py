"""How long a server's limit lasts."""

from datetime import UTC, datetime

import pytest

from precedent.retry import retry_after

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "-7"}, 0.0),
        ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999 07:28:00 GMT"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "1772366410"}, 11.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "45"}, 45.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366410"}, 11.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366410"}, 11.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-03-01T12:00:10Z"}, 11.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1772366300"}, 1.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30}, None),
        ({"x-ratelimit-remaining": "5", "x-ratelimit-reset": "1772366410"}, None),
        ({}, None),
    ],
)
def test_how_long_a_limit_lasts_is_read_from_its_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds
