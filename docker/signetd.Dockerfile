# signet/signetd: the server, and signetctl for `kubectl exec`. From the top of the repository:
#
#   docker build -f docker/signetd.Dockerfile -t signet/signetd .
#
# BASE is any image of Debian 12. Programs that are built already: --build-context build=DIR, with DIR/programs/usr/{sbin/signetd,bin/signetctl}
# (docker/README.md).
ARG BASE=debian:12-slim

# The same in signet-slurm.Dockerfile, line by line: built once, both images take from it.
FROM ${BASE} AS build
COPY tools/packages/build.txt /tmp/build.txt
RUN apt-get -qq update \
  && sed -e 's/#.*//' /tmp/build.txt | DEBIAN_FRONTEND=noninteractive xargs apt-get -qq -y install --no-install-recommends \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cmake --preset release -DSIGNET_TESTS=OFF \
  && ninja -C build/release signetd signetctl signet-slurm \
  && install -D -s build/release/bin/signetd /programs/usr/sbin/signetd \
  && install -D -s build/release/bin/signetctl /programs/usr/bin/signetctl \
  && install -D -s build/release/bin/signet-slurm /programs/usr/bin/signet-slurm \
  && rm -rf build

FROM ${BASE} AS root
COPY docker/server-packages.txt docker/server-root /tmp/
RUN apt-get -qq update \
  && sed -e 's/#.*//' /tmp/server-packages.txt | DEBIAN_FRONTEND=noninteractive xargs apt-get -qq -y install --no-install-recommends \
  && rm -rf /var/lib/apt/lists/*
COPY --from=build /programs /programs
RUN /tmp/server-root /programs /image

FROM scratch
COPY --from=root /image /
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="signetd" \
  org.opencontainers.image.description="Signet, the certificate authority for Slurm clusters: the server" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# Beside the ledger: what SQLite sorts on disk. No other place can be written.
ENV PATH=/usr/sbin:/usr/bin SQLITE_TMPDIR=/var/lib/signet
USER 10001:10001
# gRPC, and metrics.
EXPOSE 6843 6844
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/sbin/signetd"]
CMD ["--config", "/etc/signet/signetd.yaml"]
