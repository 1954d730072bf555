#include "keys/digest.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"

using namespace ros;
using namespace ros::keys;

namespace {

constexpr const char* kAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

}  // namespace

TEST_CASE("Sha256: FIPS 180's example, in one piece and in many, again and again", "[keys]") {
  CHECK(Sha256Of(AsBytes("abc")).Hex() == kAbc);
  Sha256 hash;
  for (int round = 0; round < 3; ++round) {
    hash.Update(AsBytes("a"));
    hash.Update({});
    hash.Update(AsBytes("bc"));
    CHECK(hash.Finish().Hex() == kAbc);
  }
  CHECK(hash.Finish() == Sha256Of({}));
}

TEST_CASE("Digest: parses its own text", "[keys]") {
  const auto digest = Sha256Of(AsBytes("abc"));
  CHECK(digest.ToString() == "sha256:" + std::string(kAbc));
  CHECK(Digest::Parse(digest.ToString()) == digest);
  CHECK(Digest::ParseHex(kAbc) == digest);
}

TEST_CASE("Digest: refuses other algorithms, lengths and characters", "[keys]") {
  const std::string hex(64, 'a');
  for (const auto& text : {hex,
                           "sha512:" + hex,
                           "sha256:" + hex + "a",
                           "sha256:" + hex.substr(1),
                           "sha256:" + std::string(64, 'A'),
                           "SHA256:" + hex,
                           "sha256:" + std::string(64, '/'),
                           std::string(),
                           std::string("sha256:../../../etc/passwd")}) {
    INFO(text);
    CHECK_THROWS_MATCHES(
        Digest::Parse(text), Error, Catch::Predicate<Error>([](const Error& error) {
          return error.kind() == ErrorKind::kVerification;
        }));
  }
}
