# The local server in memory, for whoever tests in another language or has no Python:
#
#   docker compose up --wait devserver
#
# or: docker build -f docker/devserver.Dockerfile -t aerospike-devserver .

FROM python:3.13-slim AS build
WORKDIR /source
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.13-slim
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl lupa && rm -r /wheels
USER nobody
EXPOSE 18709 18710-18712
ENTRYPOINT ["python", "-m", "aerospike_py.devserver", "--host", "0.0.0.0", "--control-port", "18709"]
CMD ["--port", "18710", "--nodes", "3"]
