"""The gateway on virtual time, against a platform, a network and clients whose misfortunes come from a seed.

Real are the exchange, its way, the wire's protocols and pools, and the token sources. Simulated are time (`loop`), the
wall's and the platform's clocks (`clocks`), connections (`network`), the login and the truth about tokens
(`platform`), the origin (`origin`) and the clients (`clients`). `scenario` is all that a seed decides, `checks` and
`verdict` are what must hold, `world` puts it together. `python -m tests.simulation SEED --verbose` shows one run.
"""
