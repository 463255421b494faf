# The command alone, as a static binary in an empty image:
#
#   docker build -t atome .
#   docker run --rm atome run -p "In the beginning"
#   docker run --rm -p 8080:8080 -v "$PWD:/models" atome serve /models/MODEL.safetensors --host 0.0.0.0
#
# No test of this project builds it: those need no container engine. Alpine's Rust links musl, statically.
FROM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /atome
COPY . .
RUN cargo build --release --locked -p atome-cli

FROM scratch
COPY --from=build /atome/target/release/atome /atome
COPY LICENSE-APACHE LICENSE-MIT /
ENTRYPOINT ["/atome"]
