"""`muxcast serve` as a process of its own, for the tests that talk to it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

KEY = "sk-test-0123456789"


class Server:
    """A `muxcast serve` process on a free port."""

    def __init__(self, folder, pool, *options):
        environment = {**os.environ, "MUXCAST_TEST_KEY": KEY}
        self.log = (folder / "serve.log").open("w+")
        command = [sys.executable, "-c", "from muxcast.cli import main; main()", "serve", str(pool), "--port", "0"]
        self.process = subprocess.Popen([*command, *options], env=environment, stderr=self.log, stdout=self.log)
        self.url = self._address()
        while True:
            try:
                httpx.get(f"{self.url}/health", timeout=30)
                break
            except httpx.TransportError:
                assert self.process.poll() is None, self.said()
                time.sleep(0.1)

    def _address(self):
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            found = re.search(r"at (http://[^/]+)/v1", self.said())
            if found:
                return found[1]
            assert self.process.poll() is None, self.said()
            time.sleep(0.1)
        raise AssertionError("the server did not start")

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.said_at_last = self.said()
        self.log.close()
        return code
