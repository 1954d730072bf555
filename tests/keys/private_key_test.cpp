#include "keys/private_key.hpp"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <limits>

#include "base/c_ptr.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

constexpr std::string_view kPassphrase = "correct horse";

Secret Right(std::string_view /*what*/) {
  return Secret(kPassphrase);
}

void CheckRefused(std::string_view pem, const PassphraseSource& source, const std::string& why) {
  try {
    PrivateKey::FromPem(pem, "some.key", source);
    FAIL("nothing was thrown, but wanted: " << why);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kUsage);
    CHECK_THAT(error.message(), Catch::StartsWith("some.key: ") && Catch::Contains(why));
    CHECK_THAT(error.message(), !Catch::Contains(std::string(kPassphrase)));
  }
}

std::string NewPlainKey() {
  return std::string(PrivateKey::Generate(KeyType::kEcdsaP256).ToPem().view());
}

// A key file that openssl makes of a plain one.
std::string Encrypted(const std::string& plain, const std::vector<std::string>& arguments) {
  Command command{.argv = {"openssl"}, .input = plain};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.argv.insert(command.argv.end(), {"-passout", "pass:" + std::string(kPassphrase)});
  return RunTool(command);
}

// A key file whose passphrase has to be hashed that often before its (random) content is read.
// `openssl pkcs8 -iter` makes such a file too, but hashes that often itself.
std::string EncryptedWithIterations(int iterations) {
  const CPtr<X509_SIG, X509_SIG_free> file(X509_SIG_new());
  X509_ALGOR* algorithm = nullptr;
  ASN1_OCTET_STRING* content = nullptr;
  X509_SIG_getm(file.get(), &algorithm, &content);
  const CPtr<X509_ALGOR, X509_ALGOR_free> encryption(
      PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), iterations, nullptr, 0, nullptr, NID_hmacWithSHA256));
  const std::string bytes(144, 'x');
  const CPtr<BIO, BIO_free_all> text(BIO_new(BIO_s_mem()));
  REQUIRE(X509_ALGOR_copy(algorithm, encryption.get()) == 1);
  REQUIRE(ASN1_OCTET_STRING_set(content,
                                reinterpret_cast<const unsigned char*>(bytes.data()),
                                static_cast<int>(bytes.size())) == 1);
  REQUIRE(PEM_write_bio_PKCS8(text.get(), file.get()) == 1);
  char* start = nullptr;
  const auto size = BIO_get_mem_data(text.get(), &start);
  return {start, static_cast<std::size_t>(size)};
}

}  // namespace

TEST_CASE("PrivateKey: an encrypted file is read with its passphrase alone", "[keys]") {
  const auto key = PrivateKey::Generate(KeyType::kEcdsaP384);
  const auto pem = key.ToEncryptedPem(Secret(kPassphrase));
  CHECK_THAT(std::string(pem.view()), Catch::StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
  std::string asked;
  const auto again = PrivateKey::FromPem(pem.view(), "some.key", [&](std::string_view what) {
    asked += what;
    return Secret(kPassphrase);
  });
  CHECK(asked == "some.key");
  CHECK(again.Public().Fingerprint() == key.Public().Fingerprint());
  for (const auto* wrong : {"correct hors", "", "correct horse "}) {
    CheckRefused(
        pem.view(),
        [&](std::string_view) { return Secret(std::string_view(wrong)); },
        "the passphrase is wrong, or the file is damaged");
  }
}

TEST_CASE("PrivateKey: openssl reads what is encrypted here", "[keys]") {
  const auto key = PrivateKey::Generate(KeyType::kEd25519);
  const auto pem = key.ToEncryptedPem(Secret(kPassphrase));
  CHECK(RunTool({.argv = {"openssl", "pkey", "-pubout", "-passin", "pass:correct horse"},
                 .input = std::string(pem.view())}) == key.Public().ToPem());
}

TEST_CASE("PrivateKey: reads what openssl encrypts, in its new and its old form", "[keys]") {
  const auto plain = NewPlainKey();
  const auto fingerprint = PrivateKey::FromPem(plain, "plain", Right).Public().Fingerprint();
  const std::vector<std::vector<std::string>> forms = {
      {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "100"},
      {"pkcs8", "-topk8", "-scrypt", "-scrypt_N", "1024"},
      {"ec", "-aes128"},
  };
  for (const auto& form : forms) {
    INFO(form[0]);
    const auto text = Encrypted(plain, form);
    REQUIRE_THAT(text, Catch::Contains("ENCRYPTED"));
    CHECK(PrivateKey::FromPem(text, "some.key", Right).Public().Fingerprint() == fingerprint);
    CheckRefused(
        text, [](std::string_view) { return Secret(std::string_view("x")); }, "is wrong");
  }
}

TEST_CASE("PrivateKey: a file that would keep the machine busy is refused at once", "[keys]") {
  CheckRefused(
      EncryptedWithIterations(std::numeric_limits<int>::max()), Right, "more than 20000000 times");
  // The limit alone refuses it: with a count that is allowed the same file is read and found wrong.
  CheckRefused(EncryptedWithIterations(1000), Right, "the passphrase is wrong");
}

TEST_CASE("PrivateKey: without a passphrase an encrypted file says what is missing", "[keys]") {
  TempDirectory directory;
  const auto path = directory.path() / "k.key";
  const auto pem = PrivateKey::Generate(KeyType::kEcdsaP256).ToEncryptedPem(Secret(kPassphrase));
  WriteFileAtomically(path, AsBytes(pem.view()));
  CHECK_THROWS_WITH(PrivateKey::FromFile(path), Catch::EndsWith("k.key: it needs a passphrase"));
}
