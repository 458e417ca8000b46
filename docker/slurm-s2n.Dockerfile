# Slinky's Slurm images have no TLS: the plugin tls_s2n.so is not in them, since they are built without s2n, and Slurm with TLSType=tls/s2n does not
# start there. This adds the plugin, and libs2n, to one of them. docker/README.md says what of this was tried, and what was not.
#
#   docker build -f docker/slurm-s2n.Dockerfile --build-arg FLAVOUR=rocky --build-arg PARENT_IMAGE=rockylinux/rockylinux:9 \
#     --build-arg SLURM_IMAGE=IMAGE --build-arg SLURM_VERSION=26.05.1 --build-arg SLURM_SHA256=… -t REGISTRY/slurmctld:26.05-s2n docker
#
# once for each image of the cluster: slurmctld, slurmdbd, slurmd, slurmrestd, login. SLURM_IMAGE is the published image, PARENT_IMAGE the distribution
# that it was built on, SLURM_VERSION exactly its Slurm's. FLAVOUR is rocky (s2n-tls of EPEL) or debian (Debian and Ubuntu: s2n-tls is compiled, and
# S2N_VERSION and S2N_SHA256 are needed). The two sums are those of the archives below, as you verified them. SLURM_USER is the user that the result runs
# as: what `podman image inspect --format '{{.Config.User}}' IMAGE` says of the published image, where that is not root.
ARG FLAVOUR=rocky
ARG PARENT_IMAGE=rockylinux/rockylinux:9
ARG SLURM_IMAGE

FROM ${PARENT_IMAGE} AS rocky
ARG SLURM_VERSION
ARG SLURM_SHA256
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
# s2n-tls-devel must be there before rpmbuild: Slurm's configure looks for it, and goes on without.
RUN dnf -q -y install --setopt=install_weak_deps=False '@Development' bzip2 cpio rpm-build 'dnf-command(builddep)' 'dnf-command(config-manager)' epel-release \
  && dnf -q config-manager --enable crb \
  && dnf -q -y install --setopt=install_weak_deps=False s2n-tls-devel
ADD https://download.schedmd.com/slurm/slurm-${SLURM_VERSION}.tar.bz2 slurm-${SLURM_VERSION}.tar.bz2
RUN echo "${SLURM_SHA256:?}  slurm-${SLURM_VERSION}.tar.bz2" | sha256sum --check --quiet
RUN tar -xf "slurm-${SLURM_VERSION}.tar.bz2" "slurm-${SLURM_VERSION}/slurm.spec" \
  && dnf -q -y builddep -D '_with_slurmrestd 1' -D '_with_jwt 1' "slurm-${SLURM_VERSION}/slurm.spec" \
  && rpmbuild -ta --with slurmrestd --with jwt "slurm-${SLURM_VERSION}.tar.bz2"
RUN mkdir /rpm && cd /rpm \
  && for file in /root/rpmbuild/RPMS/*/slurm-"${SLURM_VERSION}"-*.rpm; do rpm2cpio "$file" | cpio -idm --quiet; done \
  && install -D -t /plugin/usr/lib64/slurm usr/lib64/slurm/tls_s2n.so \
  && cp -P /usr/lib64/libs2n.so* /plugin/usr/lib64/

FROM ${PARENT_IMAGE} AS debian
ARG SLURM_VERSION
ARG SLURM_SHA256
ARG S2N_VERSION
ARG S2N_SHA256
ARG DEBIAN_FRONTEND=noninteractive
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
WORKDIR /build
RUN apt-get -qq update \
  && apt-get -qq -y install --no-install-recommends build-essential bzip2 cmake devscripts dpkg-dev equivs fakeroot libssl-dev
ADD https://github.com/aws/s2n-tls/archive/refs/tags/v${S2N_VERSION}.tar.gz s2n.tar.gz
RUN echo "${S2N_SHA256:?}  s2n.tar.gz" | sha256sum --check --quiet && tar -xf s2n.tar.gz
# Where Slurm's configure looks by itself.
RUN cmake -S "s2n-tls-${S2N_VERSION}" -B s2n -DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DBUILD_TESTING=OFF \
    -DCMAKE_INSTALL_PREFIX=/usr/local -DCMAKE_INSTALL_LIBDIR=lib \
  && cmake --build s2n -j "$(nproc)" \
  && cmake --install s2n \
  && ldconfig
ADD https://download.schedmd.com/slurm/slurm-${SLURM_VERSION}.tar.bz2 slurm.tar.bz2
RUN echo "${SLURM_SHA256:?}  slurm.tar.bz2" | sha256sum --check --quiet && tar -xf slurm.tar.bz2
WORKDIR /build/slurm-${SLURM_VERSION}
RUN mk-build-deps --install --remove --tool 'apt-get -qq -y --no-install-recommends' debian/control
# Compiled as the packages are, not packaged: dpkg-shlibdeps refuses a library that no package owns.
RUN debian/rules build \
  && file=$(find . -path '*/plugins/tls/s2n/.libs/tls_s2n.so') \
  && test -n "$file" \
  && install -D -s -t "/plugin/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)/slurm" "$file" \
  && mkdir -p /plugin/usr/local/lib \
  && cp -P /usr/local/lib/libs2n.so* /plugin/usr/local/lib/

FROM ${FLAVOUR} AS plugin

FROM ${SLURM_IMAGE}
ARG SLURM_VERSION
ARG SLURM_USER=root
USER root
COPY --from=plugin /plugin /
# A plugin of another version is refused by Slurm, at its start; here it is refused now.
RUN ldconfig; \
  for daemon in slurmctld slurmdbd slurmd slurmrestd sackd; do \
    if command -v "$daemon" >/dev/null; then "$daemon" -V | grep -Fx "slurm $SLURM_VERSION" || exit 1; fi; \
  done; \
  plugin=$(find /usr/lib64/slurm /usr/lib/*/slurm -name tls_s2n.so 2>/dev/null); \
  test -n "$plugin" && ldd "$plugin" | grep -F libs2n && ! ldd "$plugin" | grep -F 'not found'
USER ${SLURM_USER}
