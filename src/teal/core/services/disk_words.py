"""What names of files on a disk show: a database, an index or a repository; settings; pictures and documents."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from fnmatch import fnmatchcase

# Names that only a program that is the one writer leaves.
_PROOF_WORDS = """*.db *.db3 *.sqlite *.sqlite3 *.db-wal *.db-shm *.db-journal *.sqlite-* *.sqlite3-* *.mdb *.mv.db
    *.duckdb *.ldb *.lmdb *.realm *.bolt *.rdb *.aof segments_* segments.gen write.lock lock.mdb postmaster.pid ibdata1
    wiredtiger wiredtiger.* *.ibd pg_version"""
_PROOF = tuple(_PROOF_WORDS.split())
_EXACT = ("LOCK",)
_FOLDERS = (".git/", "pg_wal/", "refs/heads/")
_NOT = frozenset({"thumbs.db", "ehthumbs.db", "iconcache.db"})  # Windows' own, in folders of pictures
_SETTINGS_WORDS = """.yml .yaml .conf .cfg .ini .toml .properties .xml .env .json .cnf .template .tmpl .tpl .pem .key
    .crt .cer .sh .lua .txt .md .j2 .jinja .html .htm .css .php .py .rb .js .service .rules .htpasswd .acl .hcl .cue
    .jsonnet .list .sql .conf.d .local .dist .example .sample"""
_SETTINGS = tuple(_SETTINGS_WORDS.split())
_SURE_WORDS = """.yml .yaml .conf .cfg .ini .toml .properties .xml .env .cnf .template .tmpl .tpl .pem .key .crt .sh
    .lua .html .htm .css .php .py .rb .js .txt .md .htpasswd .htaccess .j2"""
_SURE_SETTINGS = frozenset(_SURE_WORDS.split())
_DOCUMENTS_WORDS = """.jpg .jpeg .png .gif .webp .avif .svg .bmp .tif .tiff .heic .ico .mp4 .mkv .webm .mov .avi .mp3
    .ogg .flac .wav .m4a .pdf .doc .docx .odt .ods .odp .xls .xlsx .ppt .pptx .epub .rtf .ttf .woff .woff2"""
_DOCUMENTS = tuple(_DOCUMENTS_WORDS.split())
_READ_WORDS = """.pfx .p12 .jks .pub .csr .xsd .xsl .dtd .vcl .ts .tsx .go .jar .war .zip .so .mmdb .ico .png .svg .jpg
    .jpeg .gif .webp .woff .woff2 .ttf .repo .timer .socket .mount .map .hosts .gitconfig .npmrc .curlrc .rst .adoc"""
_READ = frozenset((*_READ_WORDS.split(), *_SETTINGS))
_FILES_WORDS = "crontab hosts hostname passwd group shadow entrypoint start run config license version"
_FILES = frozenset(_FILES_WORDS.split())
_WRITTEN_WORDS = "data users tokens token store history sessions accounts entries records results"
_WRITTEN = frozenset(_WRITTEN_WORDS.split())
_IGNORED = frozenset({".gitkeep", ".gitignore", ".keep", ".ds_store", "thumbs.db", "desktop.ini"})


def proof(names: Collection[str]) -> str:
    """Return the name that shows that one process writes here; empty for none."""
    for name in names:
        last = posixpath.basename(name.rstrip("/"))
        if name.endswith(_FOLDERS) or last in _EXACT:
            return name.rstrip("/")
        low = last.lower()
        if not name.endswith("/") and low not in _NOT and any(fnmatchcase(low, each) for each in _PROOF):
            return name
    return ""


def is_settings(name: str) -> bool:
    """Tell whether the file *name* is one that people write and programs read, whatever else its name says."""
    return posixpath.splitext(name.lower())[1] in _SURE_SETTINGS or name.startswith(".env")


def is_read(name: str, target: str) -> bool:
    """Tell whether the file *name*, mounted at *target*, is one that programs read; others are left to a person."""
    stem, ending = posixpath.splitext(name.lower())
    if ending == ".json":
        return not _WRITTEN & set(re.split(r"[^a-z]+", stem))
    if ending:
        return ending in _READ
    known = stem in _FILES or stem.startswith(".") or stem.endswith(("file", "rc", "conf", "config", ".d"))
    return known or target.startswith(("/etc/", "/usr/local/bin/", "/usr/local/etc/", "/docker-entrypoint"))


def is_empty(names: Collection[str]) -> bool:
    """Tell whether nothing lies there but what keeps an empty folder in a repository."""
    return all(name.lower() in _IGNORED for name in names)


def all_settings(names: Collection[str]) -> bool:
    """Tell whether there is a file, and all files are such that people write and programs read."""
    return _all(names, (*_SETTINGS, ""))


def all_documents(names: Collection[str]) -> bool:
    """Tell whether there is a file, and all files are pictures, films, sounds or documents."""
    return _all(names, _DOCUMENTS)


def _all(names: Collection[str], endings: Collection[str]) -> bool:
    files = [posixpath.basename(name).lower() for name in names if not name.endswith("/")]
    files = [name for name in files if name not in _IGNORED]
    return bool(files) and all(posixpath.splitext(name)[1] in endings for name in files)
