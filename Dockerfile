# The gateway in a container: `docker build -t iam-proxy .`, then
# docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --network host \
#   -e IAM_PROXY_UPSTREAM=… -e IAM_PROXY_APIKEY=… -e IAM_PROXY_SECRETKEY=… iam-proxy
# It writes nothing but request bodies above limits.replay_buffer, into /tmp; without that they are not sent again.
# A configuration is found by itself as /etc/iam-proxy/iam-proxy.toml. docs/operations.md has the rest.

# The full image has `strip`; of what it weighs nothing gets into ours.
FROM python:3.13 AS build
WORKDIR /src
COPY requirements-shared.txt requirements-build.txt ./
# With the extra `shared`: replicas, which share tokens in a Redis, are what containers are run as.
RUN for part in iam-proxy build; do python -m venv /opt/$part || exit 1; done \
 && /opt/iam-proxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements-shared.txt \
 && /opt/build/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements-build.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
# Without isolation nothing is fetched that is not locked.
RUN /opt/build/bin/pip wheel --disable-pip-version-check --no-build-isolation --no-deps --wheel-dir dist . \
 && /opt/iam-proxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-index --no-deps dist/*.whl \
 && /opt/iam-proxy/bin/pip uninstall --yes --quiet pip
# 26 of 68 MB of the packages are what only a debugger reads.
RUN find /opt/iam-proxy -name '*.so' -exec strip --strip-debug {} +

FROM python:3.13-slim
COPY --from=build /opt/iam-proxy /opt/iam-proxy
ENV PATH=/opt/iam-proxy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /etc/iam-proxy
# Nobody in particular: the gateway needs no right.
USER 65532:65532
EXPOSE 8080
# Half a second of CPU each: it starts an interpreter. Orchestrators that can ask by HTTP do not need it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["iam-proxy", "check", "--health"]
ENTRYPOINT ["iam-proxy"]
CMD ["run"]
