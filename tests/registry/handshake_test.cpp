// TLS handshakes that do not come to their end.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/unique_fd.hpp"
#include "registry/curl_transport.hpp"
#include "tests/registry/support/no_proxy.hpp"

namespace {

using ros::UniqueFd;

// Takes the first words of each client, says these, and hangs up.
class Rude {
 public:
  explicit Rude(std::string answer) : answer_(std::move(answer)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_.get(), any, length) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    REQUIRE(::getsockname(listener_.get(), any, &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }

  Rude(const Rude&) = delete;
  Rude& operator=(const Rude&) = delete;
  Rude(Rude&&) = delete;
  Rude& operator=(Rude&&) = delete;

  ~Rude() {
    ::shutdown(listener_.get(), SHUT_RDWR);  // accept() ends by this.
    thread_.join();
  }

  [[nodiscard]] std::string Url() const {
    return "https://127.0.0.1:" + std::to_string(port_) + "/";
  }

 private:
  void Serve() const {
    while (true) {
      const UniqueFd client(::accept(listener_.get(), nullptr, nullptr));
      if (!client.valid()) {
        return;
      }
      std::array<char, 4096> hello{};
      static_cast<void>(::recv(client.get(), hello.data(), hello.size(), 0));
      static_cast<void>(::send(client.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL));
    }
  }

  std::string answer_;
  UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  int port_ = 0;
  std::thread thread_;
};

ros::registry::HttpResponse Ask(const Rude& server) {
  const ros::testing::NoProxy direct;
  ros::registry::CurlTransport transport;
  ros::registry::HttpRequest request;
  request.url = server.Url();
  return transport.Send(request);
}

}  // namespace

TEST_CASE("CurlTransport: a line that breaks within the TLS handshake may be tried again",
          "[registry]") {
  // Before an answer, and within its first record.
  const std::string said = GENERATE(std::string(), std::string("\x16\x03\x03\x00", 4));
  const Rude server(said);
  const auto response = Ask(server);
  CHECK(response.status == 0);
  CHECK_FALSE(response.failure.empty());
  CHECK_THAT(response.failure, !Catch::Contains("--plain-http"));
}

TEST_CASE("CurlTransport: a server that knows no TLS, or refuses it, is told at once",
          "[registry]") {
  const Rude plain("HTTP/1.1 400 Bad Request\r\n\r\n");
  CHECK_THROWS_WITH(Ask(plain), Catch::Contains("--plain-http"));
  // An alert of TLS 1.2, "handshake_failure".
  const Rude refusing(std::string("\x15\x03\x03\x00\x02\x02\x28", 7));
  CHECK_THROWS_WITH(Ask(refusing), Catch::Contains("handshake failure"));
  // "unrecognized_name".
  const Rude stranger(std::string("\x15\x03\x03\x00\x02\x02\x70", 7));
  CHECK_THROWS_WITH(Ask(stranger), Catch::Contains("unrecognized name"));
}
