#!/usr/bin/env bash
# Makes certificates and keys for tests of TLS: good ones, and every kind of unusual or bad one that a server may have.
#
#   rig/certificates.sh DIRECTORY [stores]
#
# NAME.crt is a certificate, NAME.key its key (PKCS#8), NAME.pem both; in chains the intermediates follow the leaf.
# `stores` also makes the files for a Java server: NAME.p12, NAME.jks, trust.p12, trust.jks (password "password").
set -euo pipefail
directory=${1:?usage: certificates.sh DIRECTORY [stores]}
mkdir -p "$directory"
cd "$directory"
exec 2>errors
trap 'cat errors >&2' ERR

days=3650
new_key() { # NAME [rsa BITS]
  if [ "${2:-}" = rsa ]; then openssl genpkey -algorithm RSA -pkeyopt "rsa_keygen_bits:$3" -out "$1.key"
  else openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"; fi
}
# issue NAME SUBJECT ISSUER EXTENSIONS [option of `openssl x509`...]: a certificate for NAME.key; without extensions it
# is of version 1. ISSUER `self` signs with its own key.
issue() {
  local name=$1 subject=$2 issuer=$3 extensions=$4
  shift 4
  [ -e "$name.key" ] || new_key "$name"
  openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
  local options=(-req -in "$name.csr" -out "$name.crt" -days "$days" "$@")
  if [ "$issuer" = self ]; then options+=(-signkey "$name.key")
  else options+=(-CA "$issuer.crt" -CAkey "$issuer.key" -set_serial "0x$(openssl rand -hex 8 | sed 's/^./1/')"); fi
  if [ -n "$extensions" ]; then
    printf '%b' "$extensions" >"$name.ext"
    options+=(-extfile "$name.ext")
  fi
  openssl x509 "${options[@]}"
  cat "$name.crt" "$name.key" >"$name.pem"
}
# dated NAME SUBJECT ISSUER EXTENSIONS START END: like `issue`, with its own key and period of validity.
dated() {
  new_key "$1"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  printf '%b' "$4" >"$1.ext"
  : >index
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nunique_subject=no\nemail_in_dn=no\n[p]\ncommonName=supplied\n' >ca.cnf
  openssl ca -batch -config ca.cnf -cert "$3.crt" -keyfile "$3.key" -in "$1.csr" -out "$1.crt" -notext -outdir . \
    -startdate "$5" -enddate "$6" -extfile "$1.ext"
  cat "$1.crt" "$1.key" >"$1.pem"
}
chain() { cat "$1.crt" "${@:2}" >"$1.chain"; mv "$1.chain" "$1.crt"; cat "$1.crt" "$1.key" >"$1.pem"; }

names='subjectAltName=DNS:localhost,IP:127.0.0.1\n'
authority='basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n'

issue ca '/CN=test CA' self "$authority"
issue other_ca '/CN=another CA' self "$authority"

# The usual certificates of a server and of the tests' client.
new_key server rsa 2048
issue server '/CN=localhost' ca "${names}extendedKeyUsage=serverAuth,clientAuth\n"
issue server_ec '/CN=localhost' ca "$names"
new_key client rsa 2048
issue client '/CN=test client' ca 'extendedKeyUsage=clientAuth\n'
issue client_v1 '/CN=old client' ca ''

# Names.
issue common_name '/CN=localhost' ca 'basicConstraints=CA:FALSE\n'
issue wrong_name '/CN=localhost' ca 'subjectAltName=DNS:other.example\n'
issue address_as_dns '/CN=x' ca 'subjectAltName=DNS:127.0.0.1\n'
issue wildcard '/CN=x' ca 'subjectAltName=DNS:*.zk.example\n'

# Forms that OpenSSL accepts and webpki does not.
issue version_1 '/CN=localhost' ca ''
issue root_version_1 '/CN=old CA' self ''
issue all_version_1 '/CN=localhost' root_version_1 ''
issue self_signed_ca '/CN=localhost' self "${names}basicConstraints=critical,CA:TRUE\n"
issue self_signed '/CN=localhost' self "$names"
issue issued_ca '/CN=localhost' ca "${names}basicConstraints=critical,CA:TRUE\n"

# Faults that are never accepted.
new_key rsa_1024 rsa 1024
issue rsa_1024 '/CN=localhost' ca "$names"
issue sha1 '/CN=localhost' ca "$names" -sha1
issue sha1_version_1 '/CN=localhost' ca '' -sha1
issue client_only '/CN=localhost' ca "${names}extendedKeyUsage=clientAuth\n"
issue untrusted '/CN=localhost' other_ca "$names"
issue untrusted_version_1 '/CN=localhost' other_ca ''
issue forged_ca '/CN=test CA' self "$authority"
issue forged_version_1 '/CN=localhost' forged_ca ''
dated expired '/CN=localhost' ca "$names" 20200101000000Z 20200201000000Z
dated future '/CN=localhost' ca "$names" 20900101000000Z 20910101000000Z
dated expired_ca '/CN=localhost' ca "${names}basicConstraints=CA:TRUE\n" 20200101000000Z 20200201000000Z
issue ca_client_only '/CN=localhost' ca "${names}basicConstraints=CA:TRUE\nextendedKeyUsage=clientAuth\n"
issue ca_sign_only '/CN=localhost' ca "${names}basicConstraints=CA:TRUE\nkeyUsage=critical,keyCertSign\n"
issue ca_unknown_critical '/CN=localhost' ca "${names}basicConstraints=CA:TRUE\n1.2.3.4.5=critical,ASN1:NULL\n"

# Intermediates above a leaf certificate of version 1.
intermediate() { # NAME ISSUER EXTENSIONS: and a leaf below it
  issue "$1" "/CN=$1" "$2" "$3"
  issue "below_$1" '/CN=localhost' "$1" ''
  chain "below_$1" "$1.crt"
}
intermediate good_ca ca "$authority"
intermediate no_basic ca 'subjectKeyIdentifier=hash\n'
intermediate no_cert_sign ca 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,digitalSignature\n'
intermediate client_ca ca "${authority}extendedKeyUsage=clientAuth\n"
intermediate intermediate_v1 ca ''
intermediate permits_other ca "${authority}nameConstraints=critical,permitted;DNS:example.org\n"
intermediate permits_name ca "${authority}nameConstraints=critical,permitted;DNS:localhost\n"
intermediate excludes_name ca "${authority}nameConstraints=critical,excluded;DNS:localhost\n"
intermediate permits_mail ca "${authority}nameConstraints=critical,permitted;email:example.org\n"
issue short_path '/CN=short path' ca 'basicConstraints=critical,CA:TRUE,pathlen:0\n'
intermediate too_deep short_path "$authority"
cat short_path.crt >>below_too_deep.crt
issue below_leaf '/CN=localhost' server ''
chain below_leaf server.crt

# The client's key in every encoding; the password is "secret".
key=client.key
openssl rsa -in $key -traditional -out client.pkcs1.key
openssl pkey -in server_ec.key -out ec.pkcs8.key
openssl ec -in server_ec.key -out ec.sec1.key
for cipher in aes128 aes192 aes256 des3; do
  openssl rsa -in $key -traditional "-$cipher" -passout pass:secret -out "client.$cipher.key"
done
openssl ec -in server_ec.key -aes256 -passout pass:secret -out ec.aes256.key
openssl rsa -in $key -traditional -camellia128 -passout pass:secret -out client.camellia128.key
openssl pkcs8 -topk8 -in $key -passout pass:secret -v2 aes-256-cbc -out client.pbes2.key
openssl pkcs8 -topk8 -in $key -passout pass:secret -v2 aes-128-cbc -v2prf hmacWithSHA1 -out client.pbes2_sha1.key
openssl pkcs8 -topk8 -in $key -passout pass:secret -v2 des3 -out client.pbes2_des3.key
openssl pkcs8 -topk8 -in $key -passout pass:secret -scrypt -out client.scrypt.key
openssl pkcs8 -topk8 -in $key -passout pass:secret -v1 PBE-SHA1-3DES -out client.pbes1.key
openssl genpkey -algorithm ED25519 -out ed25519.key
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.parameters
openssl gendsa -out dsa.pkcs8.key dsa.parameters
openssl pkey -in dsa.pkcs8.key -traditional -out dsa.key
openssl x509 -in client.crt -outform DER -out client.der
# Files in the forms that operators write: a client's chain and key, and a CA bundle.
cat server.crt server_ec.crt ca.crt >mixed.crt

if [ "${2:-}" = stores ]; then
  for name in server server_ec common_name version_1; do
    openssl pkcs12 -export -in $name.crt -inkey $name.key -certfile ca.crt -name server -passout pass:password -out $name.p12
  done
  rm -f server.jks trust.p12 trust.jks
  keytool -importkeystore -noprompt -srckeystore server.p12 -srcstoretype PKCS12 -srcstorepass password \
    -destkeystore server.jks -deststoretype JKS -deststorepass password >/dev/null
  for kind in PKCS12:p12 JKS:jks; do
    keytool -importcert -noprompt -alias ca -file ca.crt -keystore "trust.${kind#*:}" -storetype "${kind%:*}" \
      -storepass password >/dev/null
  done
fi
rm -f ./*.csr ./*.ext index* ca.cnf [0-9A-F][0-9A-F]*.pem dsa.parameters
