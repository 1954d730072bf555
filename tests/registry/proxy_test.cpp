// Proxies of the environment.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "registry/curl_transport.hpp"
#include "tests/registry/support/fault_server.hpp"
#include "tests/registry/support/no_proxy.hpp"

using ros::registry::CurlTransport;
using ros::registry::HttpRequest;
using ros::testing::FaultServer;
using ros::testing::NoProxy;
using ros::testing::ServedRequest;

namespace {

// A server that says who it is.
FaultServer::Handler Says(const std::string& body) {
  return [body](const ServedRequest& request) {
    return ros::testing::ServedReply{
        .status = request.method == "CONNECT" ? 403 : 200, .headers = {}, .body = body};
  };
}

// The variables, until it ends.
class ProxyVariables {
 public:
  explicit ProxyVariables(const std::string& proxy) {
    ::unsetenv("no_proxy");
    ::unsetenv("NO_PROXY");
    ::setenv("http_proxy", proxy.c_str(), 1);
    ::setenv("https_proxy", proxy.c_str(), 1);
  }

  ProxyVariables(const ProxyVariables&) = delete;
  ProxyVariables& operator=(const ProxyVariables&) = delete;
  ProxyVariables(ProxyVariables&&) = delete;
  ProxyVariables& operator=(ProxyVariables&&) = delete;

  ~ProxyVariables() {
    const NoProxy none;
    ::unsetenv("no_proxy");
  }
};

HttpRequest Get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  return request;
}

}  // namespace

TEST_CASE("CurlTransport: goes by the proxies of the environment, but for what no_proxy names",
          "[registry]") {
  const NoProxy none;
  const FaultServer proxy(Says("proxy"));
  const FaultServer registry(Says("registry"));
  const ProxyVariables variables("http://" + proxy.host());
  CurlTransport transport{ros::registry::TransportOptions()};
  CHECK(transport.Send(Get("http://registry.invalid/v2/")).body == "proxy");
  CHECK(proxy.Asked().back().path == "http://registry.invalid/v2/");
  // What is encrypted is not read by it: it is asked for a way there.
  CHECK(transport.Send(Get("https://registry.invalid/v2/")).status == 0);
  CHECK(proxy.Asked().back().method == "CONNECT");
  CHECK(proxy.Asked().back().path == "registry.invalid:443");
  const auto asked = proxy.Asked().size();
  ::setenv("no_proxy", "127.0.0.1", 1);
  CHECK(transport.Send(Get("http://" + registry.host() + "/v2/")).body == "registry");
  CHECK(proxy.Asked().size() == asked);
}
