# The gateway in a container: `docker build -t iam-proxy .`, then
# docker run --rm --read-only --network host -e IAM_PROXY_UPSTREAM=… -e IAM_PROXY_APIKEY=… -e IAM_PROXY_SECRETKEY=… iam-proxy

FROM python:3.13-slim AS build
WORKDIR /src
# With the extra `shared`: replicas, which share tokens in a Redis, are what containers are run as.
COPY requirements-shared.txt ./
RUN python -m venv /opt/iam-proxy \
 && /opt/iam-proxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements-shared.txt
COPY pyproject.toml README.md LICENSE ./
COPY proxy proxy
RUN /opt/iam-proxy/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps . \
 && /opt/iam-proxy/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim
COPY --from=build /opt/iam-proxy /opt/iam-proxy
ENV PATH=/opt/iam-proxy/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nobody in particular: the gateway writes nothing and needs no right.
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["iam-proxy", "check", "--health"]
ENTRYPOINT ["iam-proxy"]
CMD ["run"]
