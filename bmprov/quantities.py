"""Sizes and lengths of time as people read them, on the terminal and on the page."""

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_KIB = 1024


def span(seconds: float) -> str:
    """A length of time: `0.03 s`, `8.2 s`, `3 min 20 s`, `5 h 12 min`, `3 d 4 h`."""
    if seconds < 1:
        return f"{max(seconds, 0.0):.2f} s"
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    if seconds < _HOUR_S:
        return f"{int(seconds // _MINUTE_S)} min {int(seconds % _MINUTE_S)} s"
    if seconds < _DAY_S:
        return f"{int(seconds // _HOUR_S)} h {int(seconds % _HOUR_S // _MINUTE_S)} min"
    return f"{int(seconds // _DAY_S)} d {int(seconds % _DAY_S // _HOUR_S)} h"


def brief(seconds: float) -> str:
    """The same without fractions: `8 s`, `3 min 20 s`."""
    return f"{max(0, int(seconds))} s" if seconds < _MINUTE_S else span(seconds)


def coarse(seconds: float) -> str:
    """The same in the largest unit alone: `8 s`, `3 min`, `5 h`, `3 d`."""
    units = ((_DAY_S, "d"), (_HOUR_S, "h"), (_MINUTE_S, "min"))
    long, unit = next(((long, unit) for long, unit in units if seconds >= long), (1, "s"))
    return f"{max(0, int(seconds // long))} {unit}"


def size(size_bytes: int) -> str:
    """A size: `512 B`, `8.0 MiB`, `1.2 GiB`."""
    if size_bytes < _KIB:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("KiB", "MiB", "GiB"):
        value /= _KIB
        if value < _KIB:
            return f"{value:.1f} {unit}"
    return f"{value / _KIB:.1f} TiB"


def memory(mib: int) -> str:
    """Memory as people say it: `256 GiB`, `768 MiB`."""
    return f"{mib / _KIB:g} GiB" if mib >= _KIB else f"{mib} MiB"
