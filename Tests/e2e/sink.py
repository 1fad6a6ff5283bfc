"""A mail server that keeps what it gets: one JSON line for each thing it heard, synced before it answers. Needs aiosmtpd, so it is
started with the Python of .build/venv, not imported by the scenarios.

    sink.py PORT LOG [--certificate FILE --key FILE] [--user NAME --password WORD] [--delay SECONDS]

Without a certificate it offers no STARTTLS and takes everything from everybody."""

import argparse
import asyncio
from email import message_from_bytes
import json
import os
import random
import ssl

import logging
import warnings

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

# What clients do wrong is what the scenarios are about; it is not news here.
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)


class Log:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")

    def note(self, kind, **facts):
        self.file.write(json.dumps({"kind": kind, **facts}) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())


class Keeper:
    def __init__(self, log, delay):
        self.log, self.delay = log, delay

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(random.uniform(0, self.delay))
        message = message_from_bytes(envelope.original_content)
        parts = {part.get_content_type(): part.get_payload(decode=True).decode() for part in message.walk() if not part.is_multipart()}
        self.log.note(
            "message", sender=envelope.mail_from, to=envelope.rcpt_tos, id=message["Message-ID"], attempt=message["Steward-Attempt"],
            subject=message["Subject"], text=parts.get("text/plain"), html=parts.get("text/html"), tls=session.ssl is not None,
            raw=envelope.original_content.decode("ascii"))
        # The message is taken; who is killed before hearing so does not know.
        await asyncio.sleep(random.uniform(0, self.delay))
        return "250 taken"


class Listening(SMTP):
    """Notes what is said before TLS, word for word."""

    def __init__(self, *arguments, log, **options):
        self.log = log
        super().__init__(*arguments, **options)

    def connection_made(self, transport):
        self.log.note("connection")
        super().connection_made(transport)

    def data_received(self, data):
        if not (self.session and self.session.ssl):
            self.log.note("clear", said=data.decode("latin-1"))
        super().data_received(data)


def authenticator(user, password):
    def check(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=False)
    return check


async def serve(options):
    log = Log(options.log)
    context = None
    if options.certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options.certificate, options.key)
    extra = {}
    if options.user:
        extra = {"authenticator": authenticator(options.user, options.password), "auth_required": True}

    def client():
        return Listening(Keeper(log, options.delay), log=log, tls_context=context, require_starttls=context is not None, hostname="sink", **extra)

    server = await asyncio.get_running_loop().create_server(client, "127.0.0.1", options.port)
    log.note("ready")
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("log")
    for name in ("--certificate", "--key", "--user", "--password"):
        parser.add_argument(name)
    parser.add_argument("--delay", type=float, default=0.0)
    asyncio.run(serve(parser.parse_args()))
