"""What the names of a mount say: words of its volume or folder, and of its path in the container.

A word counts as a whole one, and as what the name is about: the last, or one before words that mean nothing
(``upload_data``, ``media-root``); the media of ``media-server`` are none.
"""

from __future__ import annotations

import posixpath
import re

_SPLIT = re.compile(r"[^a-z0-9]+")
_DANGER_WORDS = """database databases bleve whoosh lucene solr xapian tantivy faiss vectors vectorstore embeddings
    chroma etcd git gits repo repos repository repositories svn consume inbox maildir mailbox mailboxes vmail lock
    locks queue queues state states bolt badger raft wal ledger wallet keystore chaindata blockchain lmdb
    socket sockets pid pids pgdata redis"""
_DANGER = frozenset(_DANGER_WORDS.split())
_SAFE_WORDS = """upload uploads media mediafiles static staticfiles public assets asset log logs tmp temp cache
    caches
    models model weights images image img files documents document docs attachments attachment avatars avatar
    backup backups export exports report reports cert certs certificates ssl tls letsencrypt acme certbot
    photos photo pictures pics videos video music audio thumbnails thumbs previews covers screenshots
    recordings artifacts downloads download invoices receipts pdf pdfs sessions session dumps dump huggingface
    fonts sitemaps"""
_SAFE = frozenset(_SAFE_WORDS.split())
_WEAK = frozenset({"storage", "storages", "filestore"})  # where a server keeps the data: else it may, too
_CONTAINER_WORDS = "files documents document docs public assets asset model image"
_CONTAINER_ONLY = frozenset(_CONTAINER_WORDS.split())  # that say something as a path in a container alone
_NEUTRAL_WORDS = """root data dir folder vol volume volumes files prod production dev staging store web app path d
    local"""
_NEUTRAL = frozenset(_NEUTRAL_WORDS.split())
_SETTINGS_WORDS = """conf config configs configuration settings templates template plugins plugin scripts script rules
    crontabs crontab addons themes provisioning dashboards hooks policies entrypoint initdb"""
_SETTINGS = frozenset(_SETTINGS_WORDS.split())
_CONFIG = frozenset({"conf", "config", "configs", "configuration", "settings"})
_GENERIC_WORDS = """data config conf settings db lib var home storage content state appdata userdata opt srv mnt
    root local"""
_GENERIC = frozenset(_GENERIC_WORDS.split())
_LIBRARIES_WORDS = """node_modules vendor bundle venv .venv site-packages target gems deps"""
_LIBRARIES = frozenset(_LIBRARIES_WORDS.split())
_OUTPUT = frozenset(["dist", "build", "out", ".next", ".nuxt"])
_ROOTS_WORDS = """/app /code /src /usr/src/app /usr/src/web /var/www /var/www/html /var/www/app /usr/share/nginx/html
    /srv/app"""
_ROOTS = frozenset(_ROOTS_WORDS.split())
_LOG = re.compile(r"\.(?:log|out|err)(?:\.\d+)?$")
_CERTIFICATES = frozenset({"acme.json"})


def danger_in(name: str, target: str) -> str:
    """Return the word that says that one process writes; empty for none."""
    for word in (*_words(name), *(word for part in _parts(target) for word in _words(part))):
        if word in _DANGER or "sqlite" in word or word.startswith("index") or _ends_in_db(word):
            return word
    return ""


def _ends_in_db(word: str) -> bool:
    return word.endswith("db") and word not in {"mmdb", "adb"}


def safe_in(name: str, target: str, *, keeps: bool) -> str:
    """Return the word that says that many may write; empty for none. *keeps*: a database server keeps the data."""
    allowed = _SAFE | _WEAK if keeps else _SAFE
    *outer, last = _parts(target) or [""]
    if found := _about(last, allowed):
        return found
    generic = is_home("", target)
    if not generic:
        for part in reversed(outer):
            if found := _about(part, allowed):
                return found
    said = _about(name, _SAFE - _CONTAINER_ONLY)
    return said if said and (keeps or not generic) else ""


def settings_in(name: str, target: str) -> str:
    """Return the word that says that it is only read: ``config`` for all that mean it; empty for none."""
    for part in (name, *reversed(_parts(target))):
        if found := _about(part, _SETTINGS):
            return "config" if found in _CONFIG else found
    return ""


def is_home(name: str, target: str) -> bool:
    """Tell whether the name is that of a place where a product keeps whatever it has: data, a home, below /var/lib."""
    last = (_parts(target) or [""])[-1]
    words = {*_words(last), *_words(name)}
    hidden = last.startswith(".") and last != ".cache"
    return hidden or bool(words & _GENERIC) or target.startswith(("/var/lib/", "/root", "/var/opt/"))


def is_libraries(target: str) -> bool:
    """Tell whether libraries of a program lie there, which come with its image."""
    return posixpath.basename(target) in _LIBRARIES


def is_output(name: str, target: str) -> bool:
    """Tell whether a build's output lies there."""
    return bool({name, posixpath.basename(target)} & _OUTPUT)


def is_program_root(target: str) -> bool:
    """Tell whether images have their program at *target*."""
    return target in _ROOTS


def is_log(name: str) -> bool:
    """Tell whether the file *name* is a log."""
    return bool(_LOG.search(name))


def is_certificates(name: str) -> bool:
    """Tell whether the file *name* holds certificates that a program renews."""
    return name in _CERTIFICATES


def _about(name: str, words: frozenset[str]) -> str:
    """Return the word of *words* that *name* is about, empty for none."""
    for word in reversed(_words(name)):
        if word in words:
            return word
        if word not in _NEUTRAL and not word.isdigit():
            return ""
    return ""


def _words(name: str) -> list[str]:
    return [word.rstrip("0123456789") or word for word in _SPLIT.split(name.lower()) if word]


def _parts(path: str) -> list[str]:
    return [part for part in path.split("/") if part]
