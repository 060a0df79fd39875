#!/bin/sh
# Makes the certificates that the tests read. Test keys only: they guard nothing. The password is `p@ss wörd` throughout.
set -eu
openssl req -x509 -newkey rsa:2048 -noenc -keyout key.pem -out certificate.pem -days 36500 -subj "/CN=orders-web"
openssl rsa -in key.pem -traditional -out key-pkcs1.pem
openssl pkcs8 -topk8 -in key.pem -passout "pass:p@ss wörd" -out key-encrypted.pem
cat certificate.pem key.pem > both.pem
openssl pkcs12 -export -inkey key.pem -in certificate.pem -passout "pass:p@ss wörd" -out modern.pfx
openssl pkcs12 -export -legacy -inkey key.pem -in certificate.pem -passout pass:legacy -out legacy.pfx
openssl pkcs12 -export -inkey key.pem -in certificate.pem -passout pass: -out no-password.pfx
openssl pkcs12 -export -nokeys -in certificate.pem -passout pass: -out no-key.pfx
openssl req -x509 -newkey rsa:2048 -noenc -keyout other-key.pem -out other.pem -days 36500 -subj "/CN=other"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ec.tmp -out ec.pem -days 36500 -subj "/CN=ec"
cat ec.tmp >> ec.pem
cat other.pem both.pem > chain.pem
rm ec.tmp other.pem
