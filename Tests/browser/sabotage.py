"""Proof that the rules of the house catch something: a page that breaks each of them, served beside the demo."""

from contextlib import contextmanager
import http.server
import threading

from house import Visitor

BAD_PAGE = b"""<!doctype html><html><head><title>Bad</title></head><body>
<img src="http://other.example/pixel"><input><p style="color: red">x</p></body></html>"""


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Security-Policy", "default-src 'none'; img-src *")
        self.end_headers()
        self.wfile.write(BAD_PAGE)

    def log_message(self, *_):
        pass


class BadServer:
    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"


@contextmanager
def bad_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield BadServer(server.server_port)
    finally:
        server.shutdown()


def is_caught(running, _):
    with bad_server() as bad:
        visitor = Visitor(running, bad)
        visitor.go("/")
        told = "\n".join(visitor.broken)
        for breach in ("asks for http://other.example", "Content Security Policy", "image-alt", "label"):
            assert breach in told, f"nothing noticed {breach}: {told}"
        visitor.context.close()
