#pragma once

#include <functional>
#include <span>
#include <string>

#include "base/bytes.hpp"
#include "registry/connection.hpp"
#include "registry/curl_transport.hpp"
#include "registry/session.hpp"
#include "registry/web_address.hpp"

namespace ros::registry {

// What the server tells of a file when it is asked for its first bytes.
struct WebFileFacts {
  Bytes size = 0;
  // The first bytes, up to kWebFileBeginning of them; fewer where the connection broke.
  std::string beginning;
};

inline constexpr Bytes kWebFileBeginning = Bytes{64} << 10U;
// A server that tells of more is not believed.
inline constexpr Bytes kMaxWebFile = Bytes{1} << 50U;

// A file on a web server that knows ranges (RFC 9110, section 14), with the name and password that
// this machine has for the host, where it asks for them. For one thread.
class WebFile {
 public:
  // `cancelled` as in SessionOptions. Reaches nothing yet. Throws kUsage for an address without
  // encryption unless the options allow that, and as FindCredentials does.
  WebFile(const WebAddress& address,
          const ConnectionOptions& options,
          std::function<bool()> cancelled = {});

  // Fetches the file's beginning. Throws kNetwork where there is no such file, where it is empty,
  // and where the server knows no ranges.
  WebFileFacts Look();

  // Hands these ranges on, as DownloadRanges does. Throws kNetwork where the file has not the
  // size any more that `facts` tell.
  void ReadRanges(const WebFileFacts& facts,
                  std::span<const ByteRange> ranges,
                  const BodySink& sink);

 private:
  WebAddress address_;
  CurlTransport transport_;
  Session session_;
};

}  // namespace ros::registry
