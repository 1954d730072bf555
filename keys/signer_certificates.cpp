#include "keys/signer_certificates.hpp"

#include <openssl/err.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>

#include "base/c_ptr.hpp"

namespace ros::keys {
namespace {

using Pkcs7 = CPtr<PKCS7, PKCS7_free>;
using Certificate = CPtr<X509, X509_free>;

const unsigned char* Bytes8(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Null for anything but signed data.
Pkcs7 Parse(ByteSpan pkcs7) {
  const auto* at = Bytes8(pkcs7);
  Pkcs7 signature(d2i_PKCS7(nullptr, &at, static_cast<long>(pkcs7.size())));
  ERR_clear_error();
  const bool is_signed =
      signature && PKCS7_type_is_signed(signature.get()) && signature->d.sign != nullptr;
  return is_signed ? std::move(signature) : Pkcs7();
}

// Others may lie beside them: those that have issued them, which sign nothing here. They belong to
// the signature.
std::vector<X509*> Signers(const Pkcs7& signature) {
  std::vector<X509*> certificates;
  const auto* const signers = signature->d.sign->signer_info;
  for (int i = 0; i < sk_PKCS7_SIGNER_INFO_num(signers); ++i) {
    const auto* const by = sk_PKCS7_SIGNER_INFO_value(signers, i)->issuer_and_serial;
    X509* const certificate =
        X509_find_by_issuer_and_serial(signature->d.sign->cert, by->issuer, by->serial);
    if (certificate != nullptr) {
      certificates.push_back(certificate);
    }
  }
  return certificates;
}

}  // namespace

std::vector<Digest> SignerCertificates(ByteSpan pkcs7) {
  std::vector<Digest> digests;
  const auto signature = Parse(pkcs7);
  if (!signature) {
    return digests;
  }
  for (const X509* certificate : Signers(signature)) {
    Digest digest;
    unsigned length = 0;
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    if (X509_digest(certificate, EVP_sha256(), bytes.data(), &length) == 1 &&
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

bool IsSignerTrusted(ByteSpan pkcs7, const std::vector<std::string>& trusted) {
  const auto signature = Parse(pkcs7);
  const CPtr<X509_STORE, X509_STORE_free> store(X509_STORE_new());
  const CPtr<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
  if (!signature || !store || !context) {
    return false;
  }
  for (const auto& der : trusted) {
    const auto* at = Bytes8(AsBytes(der));
    const Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (certificate) {
      X509_STORE_add_cert(store.get(), certificate.get());
    }
  }
  // Any certificate of the store ends a chain, whether it is a root or not.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
  const auto signers = Signers(signature);
  const bool found = std::ranges::any_of(signers, [&](X509* signer) {
    const bool verified =
        X509_STORE_CTX_init(context.get(), store.get(), signer, signature->d.sign->cert) == 1 &&
        X509_verify_cert(context.get()) == 1;
    X509_STORE_CTX_cleanup(context.get());
    return verified;
  });
  ERR_clear_error();
  return found;
}

}  // namespace ros::keys
