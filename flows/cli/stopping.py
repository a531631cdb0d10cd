"""Signals that end a command which runs until it is stopped, from a terminal or by a supervisor alike."""

import signal


def end_as_by_ctrl_c() -> None:
    """From now on SIGTERM and SIGHUP raise KeyboardInterrupt, in process 1 too, unless ignored (nohup)."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def finish_undisturbed() -> None:
    """From now on these signals are ignored: stopping is bounded in time, and must not be left half done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
