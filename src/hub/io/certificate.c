#include "hub/io/certificate.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "sys/atomicfile.h"

static bool add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool good = ext && X509_add_ext(cert, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return good;
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
	unsigned char serial[16];
	BIGNUM *number = NULL;
	bool good = RAND_bytes(serial, sizeof serial) == 1;
	serial[0] &= 0x7f;
	number = BN_bin2bn(serial, sizeof serial, NULL);
	X509_NAME *name = X509_get_subject_name(cert);
	good = good && number && X509_set_version(cert, X509_VERSION_3) &&
	       BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) &&
	       ASN1_TIME_set_string(X509_getm_notBefore(cert), "20200101000000Z") &&
	       /* the value that RFC 5280 gives to "never": a pin has no date, and a hub's clock may be wrong */
	       ASN1_TIME_set_string(X509_getm_notAfter(cert), "99991231235959Z") &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"syncline hub", -1, -1, 0) &&
	       X509_set_issuer_name(cert, name) && X509_set_pubkey(cert, key) &&
	       add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") &&
	       add_extension(cert, NID_subject_alt_name, "DNS:syncline-hub.invalid");
	BN_free(number);
	return good && X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool write_pem(const char *file, X509 *cert, EVP_PKEY *key, struct err *e)
{
	BIO *out = BIO_new(BIO_s_secmem());
	char *text = NULL;
	bool good = out && (cert ? PEM_write_bio_X509(out, cert)
	                         : PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL));
	long len = good ? BIO_get_mem_data(out, &text) : 0;
	if (good)
		good = atomicfile_write(file, span_of(text, (size_t)len), 0600, e);
	else
		err_set(e, file, "", "OpenSSL cannot write it");
	BIO_free(out);
	return good;
}

bool certificate_make(const char *cert_file, const char *key_file, struct err *e)
{
	if (access(cert_file, F_OK) == 0 && access(key_file, F_OK) == 0)
		return true;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	bool good = key && cert && fill(cert, key);
	if (!good)
		err_set(e, "certificate", "give one with --tls-cert and --tls-key", "OpenSSL cannot make one");
	/* the key first: a certificate alone is made again */
	good = good && write_pem(key_file, NULL, key, e) && write_pem(cert_file, cert, NULL, e);
	X509_free(cert);
	EVP_PKEY_free(key);
	return good;
}

bool certificate_pin(const char *cert_file, uint8_t pin[CERTIFICATE_PIN], bool *self_signed, struct err *e)
{
	unsigned int len = 0;
	BIO *in = BIO_new_file(cert_file, "r");
	X509 *cert = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	bool good = cert && X509_digest(cert, EVP_sha256(), pin, &len) == 1 && len == CERTIFICATE_PIN;
	*self_signed = cert && X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
	X509_free(cert);
	BIO_free(in);
	return good || err_set(e, cert_file, "give a certificate in PEM form", "%s",
	                       in ? "it holds no certificate" : "it cannot be read");
}
