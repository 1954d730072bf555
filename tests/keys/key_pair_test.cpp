#include "keys/key_pair.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/process.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

mode_t ModeOf(const std::filesystem::path& path) {
  struct stat status {};

  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

ErrorKind KindOf(const std::function<void()>& work, std::string* message = nullptr) {
  try {
    work();
  } catch (const Error& error) {
    if (message != nullptr) {
      *message = error.message();
    }
    return error.kind();
  }
  FAIL("nothing was thrown");
  return ErrorKind::kFailed;
}

// Making an RSA key takes long, so that all cases share one.
PrivateKey NewKey(KeyType type) {
  static const auto rsa = PrivateKey::Generate(KeyType::kRsa);
  return type == KeyType::kRsa ? rsa : PrivateKey::Generate(type);
}

Secret NoPassphrase(std::string_view name) {
  FAIL("a passphrase was asked for " << name);
  return {};
}

std::string NewOpensslKey(const std::vector<std::string>& arguments) {
  Command command{.argv = {"openssl", "genpkey", "-quiet"}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  return RunTool(command);
}

}  // namespace

TEST_CASE("PrivateKey: what it signs its public half verifies, and nothing else does", "[keys]") {
  const auto type =
      GENERATE(KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kEd25519, KeyType::kRsa);
  const auto key = PrivateKey::FromPem(NewKey(type).ToPem().view(), "test", NoPassphrase);
  const auto pub = PublicKey::FromPem(key.Public().ToPem(), "test.pub");
  CHECK(pub.type() == type);
  CHECK(pub.name() == "test.pub");
  CHECK(pub.Fingerprint().size() == 16);
  CHECK(pub.Fingerprint() == key.Public().Fingerprint());

  const auto message = AsBytes("a message");
  auto signature = key.Sign(message);
  CHECK(pub.Verify(message, AsBytes(signature)));
  CHECK_FALSE(pub.Verify(AsBytes("a messagf"), AsBytes(signature)));
  CHECK_FALSE(pub.Verify(message, {}));
  CHECK_FALSE(pub.Verify(message, AsBytes(signature + "x")));
  signature[signature.size() / 2] ^= 1;
  CHECK_FALSE(pub.Verify(message, AsBytes(signature)));
  const auto other = PrivateKey::Generate(KeyType::kEd25519).Public();
  CHECK_FALSE(other.Verify(message, AsBytes(key.Sign(message))));
}

TEST_CASE("PrivateKey: openssl verifies its signatures as cosign would", "[keys]") {
  const auto type = GENERATE(KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kRsa);
  TempDirectory directory;
  const auto key = NewKey(type);
  WriteKeyPair(directory.path() / "k", key);
  const std::string message = "payload";
  WriteFileAtomically(directory.path() / "sig", AsBytes(key.Sign(AsBytes(message))));
  const auto out = RunTool({.argv = {"openssl",
                                     "dgst",
                                     "-sha256",
                                     "-verify",
                                     directory.path() / "k.pub",
                                     "-signature",
                                     directory.path() / "sig"},
                            .input = message});
  CHECK(out == "Verified OK\n");
}

TEST_CASE("PublicKey: takes P-384 with SHA-384 too, P-256 with SHA-256 alone", "[keys]") {
  const auto sign_sha384 = [](KeyType type) {
    TempDirectory directory;
    const auto key = NewKey(type);
    WriteKeyPair(directory.path() / "k", key);
    const auto path = directory.path() / "k.key";
    const auto signature =
        RunTool({.argv = {"openssl", "dgst", "-sha384", "-sign", path}, .input = "payload"});
    return key.Public().Verify(AsBytes("payload"), AsBytes(signature));
  };
  CHECK(sign_sha384(KeyType::kEcdsaP384));
  CHECK_FALSE(sign_sha384(KeyType::kEcdsaP256));
  CHECK_FALSE(sign_sha384(KeyType::kRsa));
}

TEST_CASE("WriteKeyPair: modes, and never over a file that exists", "[keys]") {
  TempDirectory directory;
  const auto stem = directory.path() / "release";
  const auto key = PrivateKey::Generate(KeyType::kEcdsaP256);
  WriteKeyPair(stem, key);
  CHECK(ModeOf(stem.string() + ".key") == 0600);
  CHECK(ModeOf(stem.string() + ".pub") == 0644);
  CHECK(PrivateKey::FromFile(stem.string() + ".key").Public().Fingerprint() ==
        key.Public().Fingerprint());

  CHECK(KindOf([&] { WriteKeyPair(stem, key); }) == ErrorKind::kRefused);
  for (const auto* extension : {".key", ".pub"}) {
    const auto other = directory.path() / ("only" + std::string(extension + 1));
    WriteFileAtomically(other.string() + extension, AsBytes("mine"));
    CHECK(KindOf([&] { WriteKeyPair(other, key); }) == ErrorKind::kRefused);
    CHECK(ReadFile(other.string() + extension, 100) == "mine");
    const auto* missing = std::string(extension) == ".key" ? ".pub" : ".key";
    CHECK_FALSE(std::filesystem::exists(other.string() + missing));
  }
}

TEST_CASE("PublicKey: refuses what is not one key of ours, naming the file", "[keys]") {
  const auto key = PrivateKey::Generate(KeyType::kEcdsaP256);
  const auto pem = key.Public().ToPem();
  const auto to_public = [](const std::string& private_pem) {
    return RunTool({.argv = {"openssl", "pkey", "-pubout"}, .input = private_pem});
  };
  const std::pair<std::string, std::string> cases[] = {
      {"", "no PEM block"},
      {"hello", "no PEM block"},
      {std::string(key.ToPem().view()), "holds a private key"},
      {pem + pem, "more than one"},
      {pem.substr(0, pem.size() / 2), "not a public key"},
      {"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a public key"},
      {to_public(NewOpensslKey({"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"})),
       "other than P-256"},
      {to_public(NewOpensslKey({"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"})),
       "an RSA key of 2048 bits is not taken, only of 3072 to 8192"},
      {to_public(NewOpensslKey({"-algorithm", "X25519"})), "of this kind"},
      {std::string(70000, 'x') + pem, "too long"},
  };
  for (const auto& [text, why] : cases) {
    std::string message;
    INFO(why);
    const std::string& pem_text = text;  // A lambda cannot take a structured binding in clang 14.
    CHECK(KindOf([&] { PublicKey::FromPem(pem_text, "some.pub"); }, &message) == ErrorKind::kUsage);
    CHECK_THAT(message, Catch::StartsWith("some.pub: ") && Catch::Contains(why));
  }
}

TEST_CASE("PrivateKey: refuses what holds no private key", "[keys]") {
  const auto pub = PrivateKey::Generate(KeyType::kEd25519).Public().ToPem();
  for (const auto& text : {pub, std::string("x"), std::string()}) {
    CHECK(KindOf([&] { PrivateKey::FromPem(text, "k", NoPassphrase); }) == ErrorKind::kUsage);
  }
}

TEST_CASE("KeyType: names go both ways", "[keys]") {
  for (const auto type :
       {KeyType::kEcdsaP256, KeyType::kEcdsaP384, KeyType::kEd25519, KeyType::kRsa}) {
    CHECK(ParseKeyType(Name(type)) == type);
  }
  CHECK(Name(KeyType::kEcdsaP256) == "ecdsa");
  CHECK_FALSE(ParseKeyType("dsa"));
}
