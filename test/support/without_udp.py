"""Runs a command that may open no UDP socket: socket(2) for one fails with EPERM (seccomp).

  python3 without_udp.py COMMAND..."""

import ctypes
import os
import struct
import sys

# linux/filter.h, linux/seccomp.h, linux/prctl.h
LOAD_WORD, JUMP_EQUAL, AND, RETURN = 0x20, 0x15, 0x54, 0x06
ALLOW, FAIL_EPERM = 0x7FFF0000, 0x00050000 | 1
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
# x86-64; offsets in struct seccomp_data
SYS_SOCKET, NUMBER, FIRST_ARGUMENT, SECOND_ARGUMENT = 41, 0, 16, 24
AF_INET, AF_INET6, SOCK_DGRAM, TYPE_MASK = 2, 10, 2, 0xF

PROGRAM = [
    (LOAD_WORD, 0, 0, NUMBER),
    (JUMP_EQUAL, 0, 6, SYS_SOCKET),
    (LOAD_WORD, 0, 0, FIRST_ARGUMENT),
    (JUMP_EQUAL, 1, 0, AF_INET),
    (JUMP_EQUAL, 0, 3, AF_INET6),
    (LOAD_WORD, 0, 0, SECOND_ARGUMENT),
    (AND, 0, 0, TYPE_MASK),
    (JUMP_EQUAL, 1, 0, SOCK_DGRAM),
    (RETURN, 0, 0, ALLOW),
    (RETURN, 0, 0, FAIL_EPERM),
]

code = b"".join(struct.pack("HBBI", *line) for line in PROGRAM)
memory = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxQ", len(PROGRAM), ctypes.addressof(memory))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
    sys.exit(f"PR_SET_NO_NEW_PRIVS: {os.strerror(ctypes.get_errno())}")
if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program, 0, 0) != 0:
    sys.exit(f"PR_SET_SECCOMP: {os.strerror(ctypes.get_errno())}")
os.execvp(sys.argv[1], sys.argv[1:])
