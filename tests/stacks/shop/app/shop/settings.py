"""What the environment and the settings file say."""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

DATABASE_URL = os.environ.get("DATABASE_URL", "postgresql://shop:shop@127.0.0.1:5432/shop")
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
API_URL = os.environ.get("API_URL", "http://127.0.0.1:8000")
BOOT_SECONDS = float(os.environ.get("BOOT_SECONDS", "0"))
SETTINGS_FILE = Path(os.environ.get("SETTINGS_FILE", "/etc/shop/settings.toml"))

# The part of the environment that /env shows: nothing secret.
SHOWN = (
    "SHOP_TITLE",
    "SHOP_CURRENCY",
    "GREETING",
    "ACCENT",
    "MAIL_SUBJECT",
    "MAIL_TAG",
    "MAIL_BODY",
    "PADDED",
    "EMPTY",
    "PRICE_FORMAT",
    "PRICE_NOTE",
    "PASSWORD_SAMPLE",
    "SKU_PATTERN",
    "FEATURES",
    "SHIPPING",
    "DB_OPTIONS",
    "RECEIPT_FOOTER",
)


def shown_environment() -> dict[str, str | None]:
    """Return the shown variables with their values, None for one that isn't set."""
    return {name: os.environ.get(name) for name in SHOWN}


@cache
def settings() -> dict[str, Any]:
    """Return the settings file's content, read once per process."""
    return tomllib.loads(SETTINGS_FILE.read_text(encoding="utf-8"))
