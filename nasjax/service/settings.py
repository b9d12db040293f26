"""What a service allows, keeps and waits for."""

import ipaddress
from dataclasses import dataclass
from pathlib import Path

_SHORTEST_KEY = 16


@dataclass(frozen=True)
class Settings:
    """Limits of a service. Raises ValueError naming the one that is out of range, and where a key is missing."""

    data: Path  # folder of jobs, made if need be; one service has it at a time
    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free
    key: str = ""  # what callers must know; empty: nothing, for callers on this machine alone
    max_bytes: int = 64 << 20  # of one picture's file
    max_pixels: int = 100_000_000  # of one picture, as it comes and as it goes
    max_stored: int = 20 << 30  # bytes of all jobs together
    queue: int = 512  # pictures that wait; so many may one job have, too
    timeout: float = 120.0  # seconds that a caller waits for one picture
    upload_timeout: float = 300.0  # seconds that a request may take to arrive
    idle_timeout: float = 20.0  # seconds in which nothing of it arrives
    expire: float = 86_400.0  # seconds that results are kept

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_pixels", "max_stored", "queue"):
            if getattr(self, name) < 1:
                raise ValueError(f"serve: {name} must be 1 or more, got {getattr(self, name)}")
        for name in ("timeout", "upload_timeout", "idle_timeout", "expire"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"serve: {name} must be a number of seconds above 0, got {getattr(self, name)}")
        if not 0 <= self.port < 2**16:
            raise ValueError(f"serve: port must be 0 to 65535, got {self.port}")
        if self.key and (len(self.key) < _SHORTEST_KEY or not self.key.isascii() or not self.key.isprintable()):
            raise ValueError(f"serve: the key must be {_SHORTEST_KEY} or more printable characters of ASCII")
        if not self.key and not self.local:
            raise ValueError(f"serve: {self.host} can be reached from other machines: give a key (--key, NASJAX_KEY)")

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
