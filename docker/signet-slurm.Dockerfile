# signet/signet-slurm: the adapter, one static program and nothing else. From the top of the repository:
#
#   docker build -f docker/signet-slurm.Dockerfile -t signet/signet-slurm .
#
# BASE is any image of Debian 12. A program that is built already: --build-context build=DIR, with DIR/programs/usr/bin/signet-slurm.
ARG BASE=debian:12-slim

# The same in signetd.Dockerfile, line by line: built once, both images take from it.
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

FROM scratch
COPY --from=build /programs/usr/bin/signet-slurm /signet-slurm
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="signet-slurm" \
  org.opencontainers.image.description="Signet, the certificate authority for Slurm clusters: the adapter for Slurm's hosts" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# No USER: it runs as the Slurm daemon beside it does, root for slurmd and 401 for the others, and what it writes must belong to that one.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/signet-slurm"]
CMD ["--help"]
