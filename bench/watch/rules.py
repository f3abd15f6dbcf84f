"""The router's rules, changed from inside this process: running `nft` would take longer than what is measured."""

from __future__ import annotations

import ctypes
import ctypes.util
import time


class Rules:
    """libnftables in the network namespace that this process is in."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("nftables") or "libnftables.so.1")
        self._library.nft_ctx_new.restype = ctypes.c_void_p
        self._library.nft_ctx_buffer_error.restype = ctypes.c_int
        self._library.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
        self._context = self._library.nft_ctx_new(0)

    def run(self, command: str) -> tuple[float, float]:
        """Carry it out. The time of day before and after."""
        before = time.time()
        if self._library.nft_run_cmd_from_buffer(self._context, command.encode()):
            raise SystemExit(f"nft: {command}: refused")
        return before, time.time()
