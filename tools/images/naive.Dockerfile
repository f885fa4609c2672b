# What our images are compared with: one stage that holds whatever it took, as root, as most first images do.
ARG BUILD_IMAGE
FROM ${BUILD_IMAGE}
RUN apt-get update && apt-get install --yes build-essential python3-dev python3-pip
WORKDIR /app
COPY . .
ARG EXTRA
ARG COMMAND
RUN pip install --break-system-packages ".[${EXTRA}]" && ln -s "$(command -v "${COMMAND}")" /usr/local/bin/entrypoint
ENTRYPOINT ["entrypoint"]
