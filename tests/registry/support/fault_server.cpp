#include "tests/registry/support/fault_server.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"

namespace ros::testing {
namespace {

// Longer than any test waits; a client that is stuck does not hold the thread.
constexpr timeval kPatience{.tv_sec = 5, .tv_usec = 0};

void Check(bool good, std::string_view what) {
  if (!good) {
    ThrowErrno(what);
  }
}

UniqueFd Listen(int& port) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  Check(::bind(listener.get(), any, length) == 0, "bind");
  Check(::listen(listener.get(), 8) == 0, "listen");
  Check(::getsockname(listener.get(), any, &length) == 0, "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

UniqueFd Accept(int listener) {
  UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    ::setsockopt(connection.get(), SOL_SOCKET, option, &kPatience, sizeof kPatience);
  }
  return connection;
}

std::string Lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

std::string Decode(std::string_view text) {
  std::string decoded;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size()) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(at + 1, 2)), nullptr, 16));
      at += 2;
    } else {
      decoded += text[at];
    }
  }
  return decoded;
}

// Cuts the text at the first `separator`; the part before it is returned.
std::string_view Next(std::string_view& rest, std::string_view separator) {
  const auto at = rest.find(separator);
  const auto part = rest.substr(0, at);
  rest.remove_prefix(at == std::string_view::npos ? rest.size() : at + separator.size());
  return part;
}

std::map<std::string, std::string> ParseQuery(std::string_view text) {
  std::map<std::string, std::string> query;
  while (!text.empty()) {
    auto value = Next(text, "&");
    const auto name = Next(value, "=");
    query[Decode(name)] = Decode(value);
  }
  return query;
}

ServedRequest ParseHead(std::string_view head) {
  ServedRequest request;
  auto line = Next(head, "\r\n");
  request.method = Next(line, " ");
  auto target = Next(line, " ");
  request.path = Next(target, "?");
  request.query = ParseQuery(target);
  while (!head.empty()) {
    auto value = Next(head, "\r\n");
    const auto name = Next(value, ": ");
    request.headers[Lower(std::string(name))] = value;
  }
  return request;
}

// Appends what comes; false when nothing comes any more.
bool Receive(int connection, std::string& text) {
  std::array<char, 65536> piece{};
  const auto length = ::recv(connection, piece.data(), piece.size(), 0);
  text.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return length > 0;
}

std::string HeadOf(const ServedReply& reply) {
  auto head = "HTTP/1.1 " + std::to_string(reply.status) + " Whatever\r\n";
  bool measured = false;
  for (const auto& header : reply.headers) {
    head += header.name + ": " + header.value + "\r\n";
    measured = measured || header.name == "content-length" || header.name == "transfer-encoding";
  }
  if (!measured) {
    head += "content-length: " + std::to_string(reply.body.size()) + "\r\n";
  }
  return head + "\r\n";
}

}  // namespace

std::string ServedRequest::Header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string() : found->second;
}

std::string ServedRequest::Query(const std::string& name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string() : found->second;
}

void ServedReply::Set(const std::string& name, const std::string& value) {
  std::erase_if(headers, [&](const auto& header) { return header.name == name; });
  headers.push_back({name, value});
}

FaultServer::FaultServer(Handler handler, std::size_t longest_body)
    : handler_(std::move(handler)),
      longest_body_(longest_body),
      listener_(Listen(port_)),
      end_(::eventfd(0, EFD_CLOEXEC)),
      thread_([this] { Serve(); }) {}

FaultServer::~FaultServer() {
  ::eventfd_write(end_.get(), 1);
  thread_.join();
}

std::vector<ServedRequest> FaultServer::Asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

bool FaultServer::Ends() const {
  pollfd end{.fd = end_.get(), .events = POLLIN, .revents = 0};
  return ::poll(&end, 1, 0) != 0;
}

void FaultServer::Serve() {
  UniqueFd connection;
  while (true) {
    std::array<pollfd, 3> waiting{{{.fd = end_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = listener_.get(), .events = POLLIN, .revents = 0},
                                   {.fd = connection.get(), .events = POLLIN, .revents = 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) {
      return;
    }
    if (waiting[1].revents != 0) {
      connection = Accept(listener_.get());
    } else if (waiting[2].revents != 0 && !ServeOne(connection.get())) {
      connection = UniqueFd();
    }
  }
}

bool FaultServer::ServeOne(int connection) {
  std::string text;
  std::size_t end = std::string::npos;
  while (end == std::string::npos) {
    if (!Receive(connection, text)) {
      return false;
    }
    end = text.find("\r\n\r\n");
  }
  auto request = ParseHead(std::string_view(text).substr(0, end));
  const auto announced = request.Header("content-length");
  const auto length = announced.empty() ? 0 : std::stoull(announced);
  const bool taken = length <= longest_body_;
  text.erase(0, end + 4);
  while (taken && text.size() < length) {
    if (!Receive(connection, text)) {
      return false;
    }
  }
  request.body = taken ? text : std::string();
  {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request);
  }
  if (taken) {
    return Reply(connection, request, handler_(request));
  }
  Reply(connection, request, {.status = 413, .headers = {{"connection", "close"}}, .body = {}});
  // Closed at once, the client would lose the answer with the bytes that nobody reads.
  ::shutdown(connection, SHUT_WR);
  for (std::string lost; !Ends() && Receive(connection, lost);) {
    lost.clear();
  }
  return false;
}

bool FaultServer::Reply(int connection, const ServedRequest& request, const ServedReply& reply) {
  const auto head = reply.head.value_or(HeadOf(reply));
  auto sent = head + (request.method == "HEAD" ? "" : reply.body);
  auto cut = reply.cut;
  if (reply.cut_body) {
    cut = head.size() + *reply.cut_body;
  }
  sent.resize(std::min(sent.size(), cut.value_or(sent.size())));
  bool stays = Send(connection, sent, reply.drip) && !cut && !reply.close;
  while (!reply.forever.empty() && stays) {
    stays = Send(connection, reply.forever, 0) && !Ends();
  }
  if (reply.stalls) {
    AwaitEnd(connection);
    return false;
  }
  return stays;
}

void FaultServer::AwaitEnd(int connection) const {
  std::array<pollfd, 2> waiting{{{.fd = end_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = connection, .events = POLLIN | POLLRDHUP, .revents = 0}}};
  for (std::string lost; ::poll(waiting.data(), waiting.size(), -1) > 0; lost.clear()) {
    if (waiting[0].revents != 0 || !Receive(connection, lost)) {
      return;
    }
  }
}

bool FaultServer::Send(int connection, std::string_view bytes, std::size_t drip) const {
  while (!bytes.empty()) {
    const auto piece = bytes.substr(0, drip == 0 ? bytes.size() : drip);
    const auto length = ::send(connection, piece.data(), piece.size(), MSG_NOSIGNAL);
    if (length <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(length));
    if (drip != 0) {
      ::poll(nullptr, 0, 1);
    }
  }
  return true;
}

}  // namespace ros::testing
