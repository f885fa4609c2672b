"""The worker: a delivery is admitted, worked on and settled.

No client library may come in: it knows Protocols (`ports`), and the adapters satisfy them.
"""
