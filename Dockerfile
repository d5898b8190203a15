# Ostler in an image: the server (docs/howto/docker.md), and what pulls in a cluster's pods
# (docs/howto/kubernetes.md). Name the base by its digest where builds must repeat.
ARG BASE=docker.io/library/python:3.12-slim
FROM ${BASE} AS build
COPY pyproject.toml requirements.lock README.md LICENSE /src/
COPY src /src/src
# The versions of requirements.lock, but only of what runs; its hashes cannot stand beside a wheel
# of our own.
RUN python3 -m pip wheel --no-cache-dir --no-deps --wheel-dir /dist /src \
 && sed -E '/^ +--hash=/d; s/ \\$//' /src/requirements.lock > /dist/versions

FROM ${BASE}
# llama.cpp wants GCC's OpenMP library, which slim images lack.
RUN python3 -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null \
 || (apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -r /var/lib/apt/lists/*)
COPY --from=build /dist /dist
# The home belongs to group 0: OpenShift gives a container any user, in that group.
RUN python3 -m pip install --no-cache-dir --root-user-action=ignore --constraint /dist/versions \
    /dist/*.whl \
 && install -d -o 1001 -g 0 -m 770 /var/lib/ostler
ENV HOME=/tmp OSTLER_HOME=/var/lib/ostler
USER 1001:0
VOLUME /var/lib/ostler
EXPOSE 8077
# A pod asks by its own probes, and Docker by this.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python3", "-m", "ostler.programs.health"]
ENTRYPOINT ["ostler"]
# It listens on the container's own loopback until OSTLER_HOST says otherwise, which wants a key.
# `docker stop` kills after 10 s, so running answers get 8 of them.
CMD ["serve", "--drain", "8"]
