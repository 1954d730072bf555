#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "registry/http.hpp"

namespace ros::testing {

struct ServedRequest {
  std::string method;
  std::string path;                            // without its query
  std::map<std::string, std::string> query;    // decoded
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;

  // The value of a header or of a part of the query; empty where there is none.
  [[nodiscard]] std::string Header(const std::string& name) const;
  [[nodiscard]] std::string Query(const std::string& name) const;
};

// A response, and what goes wrong with it on its way.
struct ServedReply {
  int status = 200;
  std::vector<registry::HttpHeader> headers;  // Content-Length is the body's unless it is here
  std::string body;

  // Sent in the place of status line and headers.
  std::optional<std::string> head = {};
  // The connection is closed after so many bytes of it all, or of the body.
  std::optional<std::size_t> cut = {};
  std::optional<std::size_t> cut_body = {};
  // Sent after it, again and again, until the client has gone.
  std::string forever = {};
  // So many bytes at a time, each a millisecond after the one before.
  std::size_t drip = 0;
  // The connection is closed after it.
  bool close = false;
  // Nothing more comes after it (or what is cut of it), until the client has gone.
  bool stalls = false;

  // Replaces the header.
  void Set(const std::string& name, const std::string& value);
};

// HTTP/1.1 on a free port of 127.0.0.1, by a thread of its own, one connection at a time: a new one
// ends the one before. The thread ends with the object.
class FaultServer {
 public:
  using Handler = std::function<ServedReply(const ServedRequest&)>;

  // The handler runs in the thread. A body longer than `longest_body` is not read: 413.
  explicit FaultServer(Handler handler, std::size_t longest_body = std::size_t{1} << 30U);
  FaultServer(const FaultServer&) = delete;
  FaultServer& operator=(const FaultServer&) = delete;
  FaultServer(FaultServer&&) = delete;
  FaultServer& operator=(FaultServer&&) = delete;
  ~FaultServer();

  // "127.0.0.1:PORT".
  [[nodiscard]] std::string host() const { return "127.0.0.1:" + std::to_string(port_); }

  // All requests so far.
  [[nodiscard]] std::vector<ServedRequest> Asked() const;

 private:
  void Serve();
  // Both tell whether the connection stays.
  bool ServeOne(int connection);
  bool Reply(int connection, const ServedRequest& request, const ServedReply& reply);
  bool Send(int connection, std::string_view bytes, std::size_t drip) const;
  // Waits until the client has closed the connection, or this ends.
  void AwaitEnd(int connection) const;
  [[nodiscard]] bool Ends() const;

  Handler handler_;
  std::size_t longest_body_;
  int port_ = 0;
  UniqueFd listener_;
  UniqueFd end_;
  mutable std::mutex mutex_;
  std::vector<ServedRequest> asked_;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace ros::testing
