"""One service of the stack on three machines: says its release, and that of all whom it calls for the same request."""

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME, RELEASE = os.environ["NAME"], os.environ.get("TEAL_RELEASE", "shared")
CALLS = os.environ.get("CALLS", "").split()
busy = 0
lock = threading.Lock()


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global busy
        with lock:
            busy += 1
        try:
            self.answer(*self.made())
        except OSError:
            self.close_connection = True
        finally:
            with lock:
                busy -= 1

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def made(self):
        if self.path == "/health":
            return 200, {}
        if "sleep=" in self.path:
            time.sleep(float(self.path.partition("sleep=")[2]))
        found = {NAME: RELEASE}
        try:
            for address in CALLS:
                with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
                    found |= json.load(answer)
        except OSError as error:
            return 500, {"error": f"{address}: {error}"}
        return 200, found

    def answer(self, status, found):
        content = json.dumps(found).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def stop(*_):
    def end():
        until = time.time() + 8
        while busy and time.time() < until:
            time.sleep(0.05)
        os._exit(0)

    threading.Thread(target=end).start()


signal.signal(signal.SIGTERM, stop)
if os.environ.get("CRASH"):
    sys.exit("crash: no such table")
Server(("", int(os.environ["PORT"])), Service).serve_forever()
