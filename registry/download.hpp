#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "registry/session.hpp"

namespace ros::registry {

// What is fetched by ranges.
struct RemoteFile {
  std::string url;  // as Session::Send takes it
  Bytes size = 0;
  std::string what;  // in errors: "blob sha256:... of team/myos"
  // Sees the head of each response with bytes of it, and may throw.
  std::function<void(const HttpResponse& head)> check = {};
};

// Hands these ranges of a file on, in their order; they ascend and do not overlap. Those that lie
// close together are fetched as one, and up to 64 by one request (multipart/byteranges). The first
// such request to a host is a question: where the answer is anything else, or none, it is not
// read further than it is of use, and the host is asked for one range at a time from then on. A
// connection that breaks is taken up where it was, by Range or, where the server knows none, by
// skipping what has come already, unless three tries in a row bring next to nothing. A server that
// knows no Range sends the whole file, of which what is in front is passed over, and what is behind
// all ranges not waited for. Nothing is compared with a digest. Throws kNetwork, and kVerification
// where the server has less than the size says, or more where all of it is read.
void DownloadRanges(Session& session,
                    const RemoteFile& file,
                    std::span<const ByteRange> ranges,
                    const BodySink& sink);

}  // namespace ros::registry
