/* certificate: the hub's own self-signed certificate, for a hub that nobody gave one, and its pin.
 *
 * Devices do not trust it for what is written in it: an invite carries its pin, the SHA-256 of the certificate (DER).
 */
#ifndef HUB_IO_CERTIFICATE_H
#define HUB_IO_CERTIFICATE_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define CERTIFICATE_PIN 32

/* Makes certificate and key where either is missing (0600, PEM); they are kept for ever after, since devices pin them.
 */
bool certificate_make(const char *cert_file, const char *key_file, struct err *e);
/* The pin of the first certificate in the file. self_signed: whether a device needs the pin to trust it. */
bool certificate_pin(const char *cert_file, uint8_t pin[CERTIFICATE_PIN], bool *self_signed, struct err *e);
#endif
