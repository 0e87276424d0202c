"""Users on the wire of the three machines, who ask all edges without end; each answer is written down, one JSON a line.

users.py SECONDS RATE EDGES FILE      for example: users.py 60 100 1,2,3 /tmp/answers
"""

import http.client
import json
import sys
import threading
import time

SECONDS, RATE, OUT = float(sys.argv[1]), float(sys.argv[2]), sys.argv[4]
EDGES = [int(number) for number in sys.argv[3].split(",")]
KINDS = ("kept", "new", "post", "kept", "new")
PAUSE = len(EDGES) * len(KINDS) / RATE
lock = threading.Lock()
end = time.time() + SECONDS
file = open(OUT, "w")  # noqa: SIM115, PTH123


def ask(connection, kind, path):
    body = b"x" * 2000 if kind == "post" else None
    connection.request("POST" if body else "GET", path, body=body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def user(edge, kind, number):
    connection = None
    time.sleep(PAUSE * number / 5)
    path = "/?sleep=1.5" if kind == "slow" else "/"
    while time.time() < end:
        began = time.time()
        told = {"began": began, "edge": edge, "kind": kind}
        try:
            if connection is None:
                connection = http.client.HTTPConnection(f"10.77.0.{edge}", 80, timeout=40)
            status, body = ask(connection, kind, path)
            told["status"] = status
            told["said"] = json.loads(body) if status == 200 else body[:150].decode(errors="replace")
        except Exception as error:
            told |= {"status": 0, "said": f"{type(error).__name__}: {error}"}
            connection = None
        if kind == "new" and connection:
            connection.close()
            connection = None
        told["took"] = time.time() - began
        with lock:
            file.write(json.dumps(told) + "\n")
            file.flush()
        time.sleep(max(0.0, PAUSE - told["took"]))


threads = [
    threading.Thread(target=user, args=(edge, kind, number))
    for edge in EDGES
    for number, kind in enumerate((*KINDS, "slow"))
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
