"""The files of a generated stack, and the variables of the shell in which everything is run."""

from __future__ import annotations

import json

VALUES = {
    "FROM_SHELL": "a$b",
    "MANY_LINES": "-----BEGIN-----\n  A=b=c\n$x ${Y} $$z\n\n-----END-----\n",
    "ODD_VALUE": "\u007f\u0085\u2028\ufeff\U0001f600\u0001\t\"'\\#: é",
    "EMPTY_VALUE": "",
}
DOTENV = "FROM_ENV='from .env'\nCOMPOSE_PROFILES=conform\n"
INLINE = """
FROM {image}
RUN touch /conform-inline
HEALTHCHECK --interval=500ms CMD true
VOLUME /conform/kept
USER 33
ENTRYPOINT ["python", "-u"]
CMD ["/probe.py"]
"""
INCLUDED = """
x-environment: &environment
  A: anchored
  B: "${FROM_INCLUDED} and ${FROM_ENV:-nothing} and ${NOWHERE-default} $$x"
x-base: &base
  image: {image}
  environment: &own
    <<: *environment
    C: base
  healthcheck: {test: [CMD, "true"], interval: 30s, start_period: 20s, start_interval: 500ms}
x-more: &more
  labels: {conform.more: "${FROM_INCLUDED}"}
services:
"""
EXTENDED = """
services:
  base:
    environment: {C: extended, D: "extended ${FROM_INCLUDED}"}
    cap_add: [SYS_NICE]
    volumes: ["./inner.txt:/conform/extended.txt:ro"]
    labels: {conform.extended: "yes"}
"""
FILES = {
    "plain.env": "FILE_A=a # comment\nFILE_B='single $$x'\nFILE_C=\"two\nlines\"\n"
    "export FILE_D=$FROM_SHELL\nFILE_E=\nFROM_SHELL\n",
    "raw.env": "RAW_A=a # no comment\nRAW_B='single $$x'\nRAW_C=\"x\"\nRAW_D=$FROM_SHELL\n",
    "labels.env": 'conform.file.a=x\nconform.file.b="two words $$x"\n',
    "note.txt": "a note\n",
    "secret.txt": "first $line of it\nlast line of it\n",
    "closed.txt": "for its owner\n",
    "owned.txt": "for user 4242\n",
    "run.sh": "#!/bin/sh\necho run\n",
    "with space": "spaces\n",
    "dollar$name.txt": "dollars\n",
    "bound/inner.txt": "inner\n",
    "bound/deep/er.txt": "deeper\n",
    "seccomp.json": json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}),
    "built/Dockerfile.conform": "ARG BASE\nFROM $BASE AS first\nFROM $BASE AS last\nARG NOTE\nENV NOTE=$NOTE\n"
    "COPY --from=more inner.txt /conform/inner.txt\n"
    "RUN --mount=type=secret,id=given,target=/given cp /given /conform/\n",
    "included/one.env": "FROM_INCLUDED='said by the included file'\n",
    "included/extended.yml": EXTENDED,
    "included/inner.txt": "included\n",
    "built/Dockerfile": "FROM {image}\nRUN touch /conform-built\n",
}
BYTES = {"bytes.bin": bytes(range(256))}
OWNERS = {"owned.txt": (4242, 4243)}  # as far as root runs the tests
MODES = {"owned.txt": 0o400, "run.sh": 0o755, "closed.txt": 0o600, "secret.txt": 0o640}
