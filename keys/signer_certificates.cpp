#include "keys/signer_certificates.hpp"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>

#include "base/c_ptr.hpp"

namespace ros::keys {

std::vector<Digest> SignerCertificates(ByteSpan pkcs7) {
  const auto* at = reinterpret_cast<const unsigned char*>(pkcs7.data());
  const CPtr<PKCS7, PKCS7_free> signature(d2i_PKCS7(nullptr, &at, static_cast<long>(pkcs7.size())));
  ERR_clear_error();
  std::vector<Digest> digests;
  if (!signature || !PKCS7_type_is_signed(signature.get()) || signature->d.sign == nullptr) {
    return digests;
  }
  // Others may lie beside them: those that have issued them, which sign nothing here.
  STACK_OF(X509)* const certificates = signature->d.sign->cert;
  const auto* const signers = signature->d.sign->signer_info;
  for (int i = 0; i < sk_PKCS7_SIGNER_INFO_num(signers); ++i) {
    const auto* const by = sk_PKCS7_SIGNER_INFO_value(signers, i)->issuer_and_serial;
    X509* const certificate = X509_find_by_issuer_and_serial(certificates, by->issuer, by->serial);
    Digest digest;
    unsigned length = 0;
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    if (certificate != nullptr &&
        X509_digest(certificate, EVP_sha256(), bytes.data(), &length) == 1 &&
        length == digest.bytes.size()) {
      std::ranges::transform(
          bytes.begin(), bytes.begin() + length, digest.bytes.begin(), [](unsigned char c) {
            return std::byte{c};
          });
      digests.push_back(digest);
    }
  }
  return digests;
}

}  // namespace ros::keys
