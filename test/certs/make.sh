#!/bin/sh
# Made once, with OpenSSL 3.0, and committed: no test needs OpenSSL. Keys of tests only, worth nothing to anybody.
#   authority.crt           signs the others, until 2126
#   stranger.crt            another authority, which signs nothing here
#   server.crt/.key         localhost, 127.0.0.1, ::1, until 2126
#   expired.crt             the same name and key, until 2021
#   client.crt/.key         the user tls_client, until 2126; client-locked.key is client.key with the password "opensesame"
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null || openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"; }
key server.key
key client.key
openssl pkcs8 -topk8 -v2 aes-256-cbc -passout pass:opensesame -in client.key -out client-locked.key
openssl req -new -key server.key -subj /CN=localhost -out "$work/server.csr"
openssl req -new -key client.key -subj /CN=tls_client -out "$work/client.csr"
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n' > "$work/names"
touch "$work/index"; echo 1000 > "$work/serial"
cat > "$work/ca.cnf" <<CNF
[ca]
default_ca = one
[one]
database = $work/index
new_certs_dir = $work
serial = $work/serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
CNF
# From 2020 on, whatever the clock of the machine that runs the tests says.
authority() {
  key "$work/$1.key"
  openssl req -new -key "$work/$1.key" -subj "/CN=Millrace test $1" -out "$work/$1.csr"
  printf 'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n' > "$work/ca.ext"
  openssl ca -selfsign -batch -notext -config "$work/ca.cnf" -keyfile "$work/$1.key" -in "$work/$1.csr" -extfile "$work/ca.ext" \
    -startdate 20200101000000Z -enddate 21260101000000Z -out "$1.crt" 2>/dev/null
}
authority authority
authority stranger
sign() { openssl ca -batch -notext -config "$work/ca.cnf" -cert authority.crt -keyfile "$work/authority.key" "$@" 2>/dev/null; }
sign -in "$work/server.csr" -extfile "$work/names" -startdate 20200101000000Z -enddate 21260101000000Z -out server.crt
sign -in "$work/server.csr" -extfile "$work/names" -startdate 20200101000000Z -enddate 20210101000000Z -out expired.crt
sign -in "$work/client.csr" -startdate 20200101000000Z -enddate 21260101000000Z -out client.crt
