"""What the shop knows about a book: GET /details/<id>. Standard library only."""

import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOOKS = {
    0: {
        "title": "A Short Walk to the Lighthouse",
        "author": "Ada Brandt",
        "year": 1931,
        "pages": 212,
        "publisher": "Harbour Street Press",
        "language": "English",
    }
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?", 1)[0]
        if path == "/health":
            return self.answer(200, {"status": "ok"})
        prefix, _, number = path.rpartition("/")
        book = BOOKS.get(int(number)) if prefix == "/details" and number.isdecimal() else None
        if book is None:
            return self.answer(404, {"error": "no such book"})
        self.answer(200, {"id": int(number), **book})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, form, *args):
        print(form % args)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


# A process with id 1 ignores SIGTERM unless it says what to do.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("details listens on port 9080")
Server(("", 9080), Handler).serve_forever()
