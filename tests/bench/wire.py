"""What answering costs a node: `tools/bench dht`."""

from figures import lines_of

KEYS = (1_000, 100_000, 1_000_000)
METHODS = ("ping", "find", "get", "put")
REQUESTS = 20_000  # of each kind in a round: some 0.2 s; no source goes over its burst


def bench_dht(net, options):
    """A node over loopback beside a bare UDP echo, in turn, with more and more keys stored."""
    figures = lines_of(options, "bench_dht", options.rounds, REQUESTS, *KEYS)
    cases = {keys: {method: {"us": figures.pop(f"{method}_{keys}_us"),
                             "per_s": figures.pop(f"{method}_{keys}_per_s")}
                    for method in ("echo", *METHODS)} for keys in KEYS}
    for case in cases.values():
        pair_us = (case["get"]["us"] + case["put"]["us"]) / 2
        for method in METHODS:
            case[method]["ratio"] = case[method]["us"] / case["echo"]["us"]
        case["put"]["pair_ratio"] = pair_us / case["echo"]["us"]
    first, last = cases[KEYS[0]], cases[KEYS[-1]]
    worst = {f"{method}_ratio": max(case[method]["ratio"] for case in cases.values())
             for method in METHODS[:3]}
    allocations = max(figures.pop(f"allocations_{keys}") for keys in KEYS)
    return {"echo_us": min(case["echo"]["us"] for case in cases.values()), **worst,
            "get_put_ratio": max(case["put"]["pair_ratio"] for case in cases.values()),
            "allocations_per_request": allocations,
            "get_growth": last["get"]["ratio"] / first["get"]["ratio"],
            "put_growth": last["put"]["ratio"] / first["put"]["ratio"], **figures, "cases": cases}


def dht_table(cases):
    """µs of processor time a request, how many times the echo's that is, and requests a second."""
    rows = [f"{'keys':>9}" + "".join(f"{method:>22}" for method in ("echo", *METHODS))]
    for keys, case in cases.items():
        cells = [f"{one['us']:7.2f} µs " + (f"{one['ratio']:5.2f}" if "ratio" in one else 5 * " ")
                 + f" {one['per_s'] / 1000:4.0f}k" for one in case.values()]
        rows.append(f"{keys:>9,}" + "".join(f"{cell:>22}" for cell in cells))
    return "\n".join(rows)
