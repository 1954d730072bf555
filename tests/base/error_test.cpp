#include "base/error.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

namespace ros {
namespace {

TEST_CASE("InContext: puts what was being done in front and keeps the kind", "[base]") {
  try {
    InContext("writing slot b", [] { ThrowErrno("pwrite", ENOSPC); });
    FAIL("did not throw");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::kDoesNotFit);
    CHECK(error.message() == "writing slot b: pwrite: No space left on device");
  }
}

TEST_CASE("InContext: says nothing twice", "[base]") {
  CHECK_THROWS_WITH(InContext("image.oci",
                              [] {
                                InContext("image.oci", [] {
                                  throw Error(ErrorKind::kFailed, "image.ocix: it is none");
                                });
                              }),
                    "image.oci: image.ocix: it is none");
}

TEST_CASE("InContext: foreign exceptions become ours", "[base]") {
  CHECK_THROWS_AS(InContext("x", [] { throw std::runtime_error("y"); }), Error);
}

TEST_CASE("Error: a failed clean-up is told after the first failure", "[base]") {
  const Error first(ErrorKind::kVerification, "bad digest");
  const Error second(ErrorKind::kFailed, "cannot unlink");
  CHECK(first.FollowedBy(second).message() == "bad digest; then cannot unlink");
  CHECK(first.FollowedBy(second).kind() == ErrorKind::kVerification);
}

}  // namespace
}  // namespace ros
