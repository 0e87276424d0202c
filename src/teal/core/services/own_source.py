"""Is a folder that a service mounts the service's own source, or its data?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from teal.core.model.built import Copied
from teal.core.services.dockerfile import Recipe

# Programs by their endings; what a browser gets (.js, .css, .html) lies among uploads and collected static files, too.
_PROGRAM = """.py .rb .erb .php .go .rs .java .kt .scala .cs .fs .ex .exs .eex .heex .erl .clj .lua .pl .pm .ts .tsx
    .jsx .vue .svelte .mjs .cjs .c .cc .cpp .h .hpp .swift .dart"""
_SCRIPTS = ".js .sh"  # programs where the folder is called like one
_MANIFESTS = """package.json pyproject.toml setup.py requirements.txt manage.py Pipfile Gemfile composer.json artisan
    go.mod Cargo.toml pom.xml build.gradle build.gradle.kts mix.exs project.clj tsconfig.json Dockerfile"""
_CALLED = "src app lib code source server backend api frontend web"
_ROOTS = "/app /code /src /usr/src/app /var/www /var/www/html /usr/share/nginx/html /srv/app /workspace"
# Images that put themselves into their volume: what lies there is theirs, and data.
_SETTLERS = "wordpress nextcloud drupal joomla matomo moodle mediawiki owncloud phpbb prestashop"


@dataclass(frozen=True, slots=True)
class Mounted:
    """A folder of this host that a service mounts, with what was seen of it."""

    source: str  # absolute
    target: str
    files: Sequence[str] = ()  # names within it, relative, a sample; what tools put there left out


@dataclass(frozen=True, slots=True)
class Runs:
    """How the service runs: from where, with which words, in which image."""

    working_dir: str
    words: tuple[str, ...]  # of its entrypoint and command
    image: str  # the last part of its name


def is_built_from(mounted: Mounted, context: str, recipe: Recipe | None, runs: Runs, *, ignored: bool) -> bool:
    """Tell whether the image was built from what is *mounted*: *recipe* (None: it can't be read) copies it there.

    A context holds data, too, and much is copied with all that is around it: what counts within it are programs.
    """
    if ignored:
        return False
    if _is_within(context, mounted.source):  # the folder is the context, or holds it
        inner = posixpath.relpath(context, mounted.source)
        return recipe is None or _is_hidden(mounted, "" if inner == "." else inner, recipe, runs)
    if recipe is None or not _is_within(mounted.source, context):
        return False
    path = posixpath.relpath(mounted.source, context)
    copied = any(_is_copied(mounted, path, each) for each in recipe.copied)
    bare = not recipe.copied and any(_is_within(mounted.target, root) for root in _ROOTS.split())  # has no code without
    return are_programs(mounted) and (copied or bare)


def _is_copied(mounted: Mounted, path: str, copied: Copied) -> bool:
    """Tell whether *copied* brings the folder *path* of the context, or something in it, where it is *mounted*."""
    if copied.target is None:
        return _is_within(copied.source, path) or _is_within(path, copied.source)
    if _is_within(copied.source, path):
        inner = posixpath.relpath(copied.source, path)
        place = posixpath.normpath(posixpath.join(mounted.target, inner))
        return copied.target == place or _is_within(copied.target, mounted.target)
    if not _is_within(path, copied.source):
        return False
    rest = posixpath.relpath(path, copied.source or ".")
    return posixpath.normpath(posixpath.join(copied.target, rest)) == mounted.target


def is_run_from(mounted: Mounted, project: str, runs: Runs) -> bool:
    """Tell whether a service that isn't built here runs programs out of what is *mounted*."""
    if runs.image in _SETTLERS.split():
        return False
    known = mounted.target in _ROOTS.split() or _is_used(mounted, runs)
    if _is_within(project, mounted.source):
        return known
    return (
        known
        and (_has_manifest(mounted) or are_programs(mounted))
        and (_is_used(mounted, runs) or posixpath.basename(mounted.source) in _CALLED.split())
    )


def are_programs(mounted: Mounted) -> bool:
    """Tell whether most of the files are programs: a script among data does not make it source."""
    called = posixpath.basename(mounted.source) in _CALLED.split()
    kinds = {*_PROGRAM.split(), *(_SCRIPTS.split() if called else ())}
    found = [name for name in mounted.files if posixpath.splitext(name)[1].lower() in kinds]
    return _has_manifest(mounted) or (bool(found) and 2 * len(found) >= len(mounted.files))


def _has_manifest(mounted: Mounted) -> bool:
    return any(name in _MANIFESTS.split() for name in mounted.files)


def _is_hidden(mounted: Mounted, inner: str, recipe: Recipe, runs: Runs) -> bool:
    """Tell whether the mount lies over what *recipe* put into the image, or over where it runs."""
    place = posixpath.normpath(posixpath.join(mounted.target, inner))
    targets = [copied.target for copied in recipe.copied]
    return (
        None in targets
        or any(_is_within(each, mounted.target) for each in (*recipe.workdirs, *filter(None, targets)) if each != "/")
        or any(copied.target == place and not copied.source for copied in recipe.copied)
        or mounted.target in _ROOTS.split()
        or _is_used(mounted, runs)
    )


def _is_used(mounted: Mounted, runs: Runs) -> bool:
    places = (runs.working_dir, *_paths(runs.words))
    return any(_is_within(each, mounted.target) for each in places if each)


def _paths(words: Iterable[str]) -> Iterable[str]:
    return (part for word in words for part in word.replace("=", " ").split() if part.startswith("/"))


def _is_within(path: str, folder: str) -> bool:
    """Tell whether *path* is *folder* or lies in it; all lies in ""."""
    return not folder or path == folder or path.startswith(folder.rstrip("/") + "/")
