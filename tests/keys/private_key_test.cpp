#include "keys/private_key.hpp"

#include <catch2/catch.hpp>

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
  // As openssl makes it with -iter 2147483647, which would take it half an hour.
  const auto text =
      Encrypted(NewPlainKey(), {"pkcs8", "-topk8", "-v2", "aes-256-cbc", "-iter", "1000"});
  // The count is the DER integer 02 02 03e8; one with four bytes in its place.
  const auto der =
      RunTool({.argv = {"openssl", "asn1parse", "-out", "/dev/stdout", "-noout"}, .input = text});
  const std::string count("\x02\x02\x03\xe8", 4);
  const auto at = der.find(count);
  REQUIRE(at != std::string::npos);
  // Two more bytes: all lengths around it grow with it.
  auto grown = der;
  grown.replace(at, count.size(), std::string("\x02\x04\x7f\xff\xff\xff", 6));
  for (std::size_t i = at; i-- > 0;) {
    const auto length = static_cast<unsigned char>(grown[i]);
    const bool is_sequence =
        i > 0 && grown[i - 1] == '\x30' && length < 0x7e && i + 1 + length >= at + count.size();
    if (is_sequence) {
      grown[i] = static_cast<char>(length + 2);
    } else if (length == 0x82 || length == 0x81) {
      const auto last = i + (length & 0x0fU);
      grown[last] = static_cast<char>(static_cast<unsigned char>(grown[last]) + 2);
    }
  }
  const auto hostile = "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" +
                       RunTool({.argv = {"openssl", "base64", "-e"}, .input = grown}) +
                       "-----END ENCRYPTED PRIVATE KEY-----\n";
  CheckRefused(hostile, Right, "more than 20000000 times");
}

TEST_CASE("PrivateKey: without a passphrase an encrypted file says what is missing", "[keys]") {
  TempDirectory directory;
  const auto path = directory.path() / "k.key";
  const auto pem = PrivateKey::Generate(KeyType::kEcdsaP256).ToEncryptedPem(Secret(kPassphrase));
  WriteFileAtomically(path, AsBytes(pem.view()));
  CHECK_THROWS_WITH(PrivateKey::FromFile(path), Catch::EndsWith("k.key: it needs a passphrase"));
}
