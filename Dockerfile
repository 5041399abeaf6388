# One image for server, workers and every command. Build: docker build -t affluent .
FROM python:3.12-slim AS build
WORKDIR /src
RUN python -m venv /opt/affluent
COPY requirements.lock ./
RUN /opt/affluent/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE NOTICE CHANGELOG.md ./
COPY src ./src
RUN /opt/affluent/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/affluent --create-home affluent
COPY --from=build /opt/affluent /opt/affluent
ENV PATH=/opt/affluent/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AFFLUENT_DATA_DIR=/var/lib/affluent \
    AFFLUENT_HOST=0.0.0.0 \
    AFFLUENT_LOG_JSON=true
USER affluent
VOLUME /var/lib/affluent
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["affluent"]
CMD ["serve"]
