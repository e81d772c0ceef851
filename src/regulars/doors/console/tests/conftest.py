"""Argon2 takes its time on purpose, and the cache starts empty: query counts are those of a first visit."""

import pytest
from django.core.cache import cache


@pytest.fixture(autouse=True)
def _quick_and_clean(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cache.clear()
