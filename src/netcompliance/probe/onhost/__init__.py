"""The on-host program, in small modules that import nothing but the standard library and each other.

Rules
* Python 3.6 to 3.14. It may meet any of them, on a machine where nothing may be installed or written.
* Raw results only: bytes, errno names, times. What they mean is decided elsewhere.
* Every exchange has its own deadline and runs in its own thread; nothing waits in line behind something that hangs.
* Whatever arrives is hostile: reads are bounded in bytes and time, nothing is decompressed, nothing is executed.
* Standard output carries JSON lines and nothing else.
"""
