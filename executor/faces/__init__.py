"""Other people's protocols over the same jobs. A face translates and decides nothing.

What it needs of a job it asks of the service behind our own API. No adapter and no client library may come in.
"""
