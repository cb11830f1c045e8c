"""A worker of the fuzzing tool with a format whose reader has every kind of fault: what it finds must be found."""

import os
import time

from tools.fuzz.case import Format
from tools.fuzz.formats import FORMATS
from tools.fuzz.oracle import Violation
from tools.fuzz.worker import main

from annette.errors import NetworkError

PLANTED = b"fault"


class FaultyFormat(Format):
    name = "faulty"
    suffix = ".txt"

    def draw(self, _):
        return [b"sound", b"text"]

    def mutate(self, subject, dice):
        subject.insert(dice.randrange(3), dice.choice((PLANTED, b"noise")))

    def encode(self, subject, _):
        return b" ".join(subject)

    def attempt(self, file, _):
        words = file.read_bytes().split()
        faults = {b"hang": lambda: time.sleep(60), b"die": lambda: os._exit(3), b"allocate": lambda: bytes(2**31)}
        for word in words:
            faults.get(word, lambda: None)()
        if b"infinite" in words:
            raise Violation("estimate", "a latency is not finite")
        if PLANTED in words:
            raise KeyError("planted")
        if b"noise" in words:
            raise NetworkError("noise is refused")
        return "accepted"


FORMATS[FaultyFormat.name] = FaultyFormat

if __name__ == "__main__":
    main()
