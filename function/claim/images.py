"""Where an image comes from."""


def registry(image: str) -> str | None:
    """The host that the image names; a first part without a dot, a port or the name localhost is none."""
    host, slash, _ = image.partition("/")
    return host if slash and (host == "localhost" or {".", ":"} & {*host}) else None
