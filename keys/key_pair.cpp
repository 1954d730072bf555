#include "keys/key_pair.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "keys/digest.hpp"

namespace ros::keys {
namespace {

using KeyPointer = CPtr<EVP_PKEY, EVP_PKEY_free>;
using KeyContext = CPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = CPtr<EVP_MD_CTX, EVP_MD_CTX_free>;
using Bio = CPtr<BIO, BIO_free_all>;

constexpr unsigned kRsaBits = 3072;
constexpr int kMinRsaBits = 2048;
constexpr int kMaxRsaBits = 8192;
constexpr std::size_t kFingerprintLength = 16;
constexpr Bytes kMaxPemSize = Bytes{64} << 10U;
constexpr std::string_view kBegin = "-----BEGIN ";
constexpr mode_t kPrivateMode = 0600;
constexpr mode_t kPublicMode = 0644;

[[noreturn]] void ThrowOpenssl(std::string_view what) {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw Error(ErrorKind::kFailed,
              std::string(what) + (reason == nullptr ? "" : ": " + std::string(reason)));
}

void Check(int result, std::string_view what) {
  if (result <= 0) {
    ThrowOpenssl(what);
  }
}

[[noreturn]] void Refuse(std::string_view name, std::string_view why) {
  ERR_clear_error();
  throw Error(ErrorKind::kUsage, std::string(name) + ": " + std::string(why));
}

// Without this OpenSSL would ask on the terminal.
int NoPassphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) {
  return -1;
}

Bio OpenText(std::string_view text, std::string_view name) {
  if (text.size() > kMaxPemSize) {
    Refuse(name, "too long for a key");
  }
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) {
    ThrowOpenssl("out of memory");
  }
  return bio;
}

std::string TakeText(BIO* bio) {
  char* data = nullptr;
  const auto length = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(length)};
}

Bio NewBuffer() {
  Bio bio(BIO_new(BIO_s_mem()));
  if (!bio) {
    ThrowOpenssl("out of memory");
  }
  return bio;
}

void ExpectOneBlock(std::string_view pem, std::string_view name) {
  const auto first = pem.find(kBegin);
  if (first == std::string_view::npos) {
    Refuse(name, "there is no PEM block in it");
  }
  if (pem.find(kBegin, first + kBegin.size()) != std::string_view::npos) {
    Refuse(name, "there is more than one PEM block in it; a file holds one key");
  }
}

KeyType TypeOf(EVP_PKEY* key, std::string_view name) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) {
    return KeyType::kEd25519;
  }
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits < kMinRsaBits || bits > kMaxRsaBits) {
      Refuse(name,
             "an RSA key of " + std::to_string(bits) + " bits is not taken, only " +
                 std::to_string(kMinRsaBits) + " to " + std::to_string(kMaxRsaBits));
    }
    return KeyType::kRsa;
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1 ||
        std::string_view(group.data(), length) != "prime256v1") {
      Refuse(name, "an elliptic curve other than P-256 is not taken");
    }
    return KeyType::kEcdsaP256;
  }
  Refuse(name, "a key of this kind is not taken, only ECDSA P-256, Ed25519 and RSA");
}

// Ed25519 hashes for itself and takes no digest.
const EVP_MD* DigestFor(KeyType type) {
  return type == KeyType::kEd25519 ? nullptr : EVP_sha256();
}

DigestContext NewDigestContext() {
  DigestContext context(EVP_MD_CTX_new());
  if (!context) {
    ThrowOpenssl("out of memory");
  }
  return context;
}

const unsigned char* Raw(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string PublicPem(EVP_PKEY* key) {
  const auto bio = NewBuffer();
  Check(PEM_write_bio_PUBKEY(bio.get(), key), "writing a public key");
  return TakeText(bio.get());
}

}  // namespace

struct PublicKey::Key {
  KeyPointer key;
  KeyType type = KeyType::kEcdsaP256;
};

std::string_view Name(KeyType type) {
  switch (type) {
    case KeyType::kEcdsaP256:
      return "ecdsa";
    case KeyType::kEd25519:
      return "ed25519";
    case KeyType::kRsa:
      return "rsa";
  }
  return "unknown";
}

std::optional<KeyType> ParseKeyType(std::string_view name) {
  for (const auto type : {KeyType::kEcdsaP256, KeyType::kEd25519, KeyType::kRsa}) {
    if (name == Name(type)) {
      return type;
    }
  }
  return std::nullopt;
}

PublicKey::PublicKey(std::shared_ptr<const Key> key, std::string name)
    : key_(std::move(key)), name_(std::move(name)) {}

PublicKey PublicKey::FromPem(std::string_view pem, std::string name) {
  ExpectOneBlock(pem, name);
  if (pem.find("PRIVATE KEY-----") != std::string_view::npos) {
    Refuse(name, "it holds a private key; what is wanted is the public one (NAME.pub)");
  }
  const auto bio = OpenText(pem, name);
  KeyPointer key(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!key) {
    Refuse(name, "it is not a public key in PEM form (BEGIN PUBLIC KEY)");
  }
  const auto type = TypeOf(key.get(), name);
  return {std::make_shared<const Key>(Key{std::move(key), type}), std::move(name)};
}

bool PublicKey::Verify(ByteSpan message, ByteSpan signature) const {
  const auto context = NewDigestContext();
  Check(
      EVP_DigestVerifyInit(context.get(), nullptr, DigestFor(key_->type), nullptr, key_->key.get()),
      "verifying a signature");
  const bool good =
      EVP_DigestVerify(
          context.get(), Raw(signature), signature.size(), Raw(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string PublicKey::Fingerprint() const {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key_->key.get(), &der);
  Check(length, "encoding a public key");
  const auto digest = Sha256Of(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return digest.Hex().substr(0, kFingerprintLength);
}

std::string PublicKey::ToPem() const {
  return PublicPem(key_->key.get());
}

KeyType PublicKey::type() const {
  return key_->type;
}

PrivateKey::PrivateKey(std::shared_ptr<const PublicKey::Key> key) : key_(std::move(key)) {}

PrivateKey PrivateKey::Generate(KeyType type) {
  KeyPointer key;
  switch (type) {
    case KeyType::kEcdsaP256:
      key.reset(EVP_EC_gen("prime256v1"));
      break;
    case KeyType::kEd25519:
      key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
      break;
    case KeyType::kRsa:
      key.reset(EVP_RSA_gen(kRsaBits));
      break;
  }
  if (!key) {
    ThrowOpenssl("generating a key");
  }
  return PrivateKey(std::make_shared<const PublicKey::Key>(PublicKey::Key{std::move(key), type}));
}

PrivateKey PrivateKey::FromPem(std::string_view pem, std::string_view name) {
  if (pem.find("BEGIN PUBLIC KEY-----") != std::string_view::npos) {
    Refuse(name, "it holds a public key; what signs is the private one (NAME.key)");
  }
  if (pem.find("ENCRYPTED") != std::string_view::npos) {
    Refuse(name, "it needs a passphrase, which is not supported; decrypt it first");
  }
  const auto bio = OpenText(pem, name);
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!key) {
    Refuse(name, "it is not a private key in PEM form (BEGIN PRIVATE KEY)");
  }
  const auto type = TypeOf(key.get(), name);
  return PrivateKey(std::make_shared<const PublicKey::Key>(PublicKey::Key{std::move(key), type}));
}

PrivateKey PrivateKey::FromFile(const std::filesystem::path& path) {
  return FromPem(ReadFile(path, kMaxPemSize), path.string());
}

std::string PrivateKey::Sign(ByteSpan message) const {
  const auto context = NewDigestContext();
  Check(EVP_DigestSignInit(context.get(), nullptr, DigestFor(key_->type), nullptr, key_->key.get()),
        "signing");
  std::size_t length = 0;
  Check(EVP_DigestSign(context.get(), nullptr, &length, Raw(message), message.size()), "signing");
  std::string signature(length, '\0');
  Check(EVP_DigestSign(context.get(),
                       reinterpret_cast<unsigned char*>(signature.data()),
                       &length,
                       Raw(message),
                       message.size()),
        "signing");
  signature.resize(length);
  return signature;
}

PublicKey PrivateKey::Public() const {
  // Through PEM, so that the public half certainly holds nothing of the private one.
  return PublicKey::FromPem(PublicPem(key_->key.get()), "public key");
}

std::string PrivateKey::ToPem() const {
  const auto bio = NewBuffer();
  Check(PEM_write_bio_PKCS8PrivateKey(
            bio.get(), key_->key.get(), nullptr, nullptr, 0, nullptr, nullptr),
        "writing a private key");
  return TakeText(bio.get());
}

void WriteKeyPair(const std::filesystem::path& stem, const PrivateKey& key) {
  const std::filesystem::path private_path = stem.string() + ".key";
  const std::filesystem::path public_path = stem.string() + ".pub";
  const auto public_pem = key.Public().ToPem();
  if (std::filesystem::exists(std::filesystem::symlink_status(public_path))) {
    throw Error(ErrorKind::kRefused, public_path.string() + " exists already");
  }
  CreateFileDurably(private_path, AsBytes(key.ToPem()), kPrivateMode);
  try {
    CreateFileDurably(public_path, AsBytes(public_pem), kPublicMode);
  } catch (const Error&) {
    // A key without its public half is no pair, and would block the next try.
    std::error_code ignored;
    std::filesystem::remove(private_path, ignored);
    throw;
  }
}

}  // namespace ros::keys
