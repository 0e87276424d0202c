"""``python -m tests.reach.images [--at FOLDER] [make | list | remove]``: stand-ins for the images that the stacks name.

``images.yml`` says what each is: ``postgres:16: postgres``, or ``{like: serve, ports: [3000], …}``. Only names that the
engine doesn't have are built, and stand-ins of an older recipe; any other image stays as it is. All are labelled
``teal.stand-in=true`` and ``teal.stand-in.reach=true``, and ``remove`` takes away just those. scripts/base-images.sh
makes what they are built on.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from tests.reach.load import HERE

RECIPES = HERE / "stand-ins"
PREFIX = "teal-stand-in/reach"
LABELS = ("teal.stand-in=true", "teal.stand-in.reach=true")
RECIPE = "teal.stand-in.recipe"  # a label: of which state of the recipes' files the image was built
BASES = {"nginx": "teal-stand-in/base:trixie", "haproxy": "teal-stand-in/base:trixie"}
TAGS = {"redis": "redis:8", "caddy": "caddy:2.11"}  # made by scripts/base-images.sh


class Image(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an image is like, and where it differs; ``one_writer`` is the folder that it locks."""

    like: str
    ports: tuple[int, ...] = ()
    one_writer: str = ""
    volumes: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: dict[str, str] = msgspec.field(default_factory=dict)


def images(at: Path = HERE) -> dict[str, Image]:
    """The stand-ins that a half of the exam needs, by name."""
    said = YAML(typ="safe").load(at / "images.yml")
    full = {name: {"like": one} if isinstance(one, str) else one for name, one in said.items()}
    return msgspec.convert(full, dict[str, Image])


def make(wanted: dict[str, Image]) -> None:
    """Build what is missing."""
    missing = [name for name, image in wanted.items() if not _is_there(name, _base(image))]
    for base in sorted({_base(wanted[name]) for name in missing} - set(TAGS)):
        if not _is_there(f"{PREFIX}-{base}", base):
            more = [f"--build-arg=BASE={BASES[base]}"] if base in BASES else []
            _build(f"{PREFIX}-{base}", str(RECIPES / base), [*more, f"--label={RECIPE}={_recipe(base)}"])
    for name in missing:
        recipe = f"--label={RECIPE}={_recipe(_base(wanted[name]))}"
        _build(name, "-", [recipe], _dockerfile(name, wanted[name]))


def remove() -> None:
    """Take away all stand-ins of this exam, of both halves."""
    listing = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"label={LABELS[1]}"]
    names = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    if names:
        subprocess.run(["docker", "rmi", *names], check=False, stdout=subprocess.DEVNULL)


def _base(image: Image) -> str:
    return image.like if image.like in {"nginx", "haproxy", "postgres", *TAGS} else "python"


def _dockerfile(name: str, image: Image) -> str:
    base = _base(image)
    lines = [f"FROM {TAGS.get(base, f'{PREFIX}-{base}')}"]
    variables = dict(image.environment)
    if base == "python":
        variables |= {"STANDIN_LIKE": image.like, "STANDIN_IMAGE": name}
        if image.one_writer:
            variables["STANDIN_ONE_WRITER"] = image.one_writer
        if image.ports:
            variables["STANDIN_PORTS"] = ",".join(map(str, image.ports))
    lines += [f'ENV {key}="{value}"' for key, value in variables.items()]
    lines += [f"EXPOSE {port}" for port in image.ports]
    lines += [f"VOLUME {path}" for path in image.volumes]
    if image.command:
        lines.append("CMD " + msgspec.json.encode(image.command).decode())
    return "\n".join(lines) + "\n"


def _is_there(name: str, base: str) -> bool:
    """Whether there is such an image, and no stand-in of another recipe."""
    argv = ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", name]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    labels = json.loads(done.stdout.strip() or "null") or {}
    return done.returncode == 0 and labels.get(RECIPE, "") in {"", _recipe(base)}


def _recipe(base: str) -> str:
    files = sorted(each for each in (RECIPES / base).glob("*") if each.is_file())
    return hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()[:12]


def _build(name: str, context: str, more: list[str], dockerfile: str = "") -> None:
    labels = [f"--label={label}" for label in LABELS]
    argv = ["nice", "docker", "build", "--quiet", "--tag", name, *labels, *more, context]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, input=dockerfile)
    if done.returncode:
        sys.exit(f"{name} can't be built:\n{done.stderr}")
    print(f"images: built a stand-in for {name}", file=sys.stderr)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", nargs="?", choices=("make", "list", "remove"), default="make")
    parser.add_argument("--at", type=Path, default=HERE)
    said = parser.parse_args()
    if said.what == "remove":
        remove()
    elif said.what == "list":
        print("\n".join(images(said.at)))
    else:
        make(images(said.at))


if __name__ == "__main__":
    main()
