"""Sends a notification: two tries of five seconds each, and a reason in words where it did not arrive."""

from __future__ import annotations

import http.client
import logging
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from teal.core.telling.endings import Notification, wanted
from teal.core.telling.posts import Post, Receiver, post

TIMEOUT = 5.0  # seconds for a try
TRIES = 2
_PAUSE = 1.0
_READ = 4096  # bytes of an answer that are read; nobody looks at them


def tell(receivers: Sequence[Receiver], told: Sequence[Notification]) -> tuple[tuple[Receiver, str], ...]:
    """Tell all *receivers* at the same time; return those who could not be told, each with the reason."""
    due = [(each, wanted(told, each.on)) for each in receivers]
    due = [(receiver, found) for receiver, found in due if found]
    if not due:
        return ()
    with ThreadPoolExecutor(max_workers=len(due)) as pool:
        reasons = list(pool.map(lambda pair: _tell(*pair), due))
    return tuple((receiver, why) for (receiver, _), why in zip(due, reasons, strict=True) if why)


def _tell(receiver: Receiver, told: Sequence[Notification]) -> str:
    if receiver.missing:
        return receiver.missing
    if receiver.kind == "apprise":
        return _by_apprise(receiver, told)
    return next((why for each in told if (why := _sent(post(receiver, each)))), "")


def _sent(message: Post) -> str:
    """Send *message*; return why it did not arrive, "" where it did. Its address is in no reason: it is a secret."""
    why = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(_PAUSE)
        why, again = _tried(message)
        if not why or not again:
            return why
    return why


def _tried(message: Post) -> tuple[str, bool]:
    """Return why one try failed, and whether another may help."""
    try:
        request = urllib.request.Request(message.url, message.body, dict(message.headers), method="POST")  # noqa: S310
        with _OPENER.open(request, timeout=TIMEOUT) as answer:
            answer.read(_READ)
        return "", False
    except urllib.error.HTTPError as error:
        error.close()
        return f"it answered {error.code}", error.code >= 500 or error.code == 429
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        return _said(reason), not isinstance(error, ValueError)


def _said(reason: object) -> str:
    match reason:
        case TimeoutError():
            return f"no answer within {TIMEOUT:.0f} s"
        case ssl.SSLCertVerificationError():
            return "its certificate is not trusted"
        case socket.gaierror():
            return "its name is not known"
        case OSError() if reason.strerror:
            return reason.strerror.lower()
        case _:
            return f"it could not be asked ({type(reason).__name__})"


class _Straight(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what is told must not go where nobody has said."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """Go nowhere."""


_OPENER = urllib.request.build_opener(_Straight)


def _by_apprise(receiver: Receiver, told: Sequence[Notification]) -> str:
    try:
        import apprise
    except ImportError:
        return "Apprise is not installed: pip install 'teal-deploy[apprise]'"
    logging.getLogger("apprise").setLevel(logging.CRITICAL)
    sender = apprise.Apprise()
    if not sender.add(receiver.url):
        return "Apprise does not understand the address"
    for each in told:
        if not sender.notify(title=f"{each.project}: {each.on}", body=each.text, body_format="markdown"):
            return "Apprise could not deliver it"
    return ""
