#include "qemu-harness/network_line.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace ros::qemu {
namespace {

constexpr Bytes kNoLimit = std::numeric_limits<Bytes>::max();
// With a second that a client waits before it asks again, for the whole of a scenario's outage.
constexpr std::string_view kUnavailable =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n"
    "Connection: close\r\n\r\n";

void Check(bool good, std::string_view what) {
  if (!good) {
    ThrowErrno(what);
  }
}

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

UniqueFd NewSocket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Check(fd.valid(), "making a socket");
  return fd;
}

UniqueFd Listen(int& port) {
  UniqueFd listener = NewSocket();
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  Check(::bind(listener.get(), any, length) == 0, "bind");
  Check(::listen(listener.get(), SOMAXCONN) == 0, "listen");
  Check(::getsockname(listener.get(), any, &length) == 0, "getsockname");
  port = ntohs(address.sin_port);
  return listener;
}

// Nothing when nobody listens there.
UniqueFd ConnectTo(int port) {
  UniqueFd fd = NewSocket();
  const sockaddr_in address = Loopback(port);
  const bool connected =
      ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  return connected ? std::move(fd) : UniqueFd();
}

// Both tell whether the socket is still good for more.
bool Receive(const UniqueFd& from, std::string& into) {
  std::array<char, 65536> piece{};
  const ssize_t length = ::recv(from.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  into.append(piece.data(), static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  return length > 0 || (length < 0 && errno == EAGAIN);
}

bool Send(const UniqueFd& to, std::string& text, Bytes most, Bytes& sent) {
  const auto length = std::min<Bytes>(text.size(), most);
  const ssize_t taken = ::send(to.get(), text.data(), length, MSG_DONTWAIT | MSG_NOSIGNAL);
  sent = static_cast<Bytes>(std::max<ssize_t>(taken, 0));
  text.erase(0, sent);
  return taken >= 0 || errno == EAGAIN;
}

short EventsOf(const std::string& comes, const std::string& goes) {
  return static_cast<short>((comes.empty() ? POLLIN : 0) | (goes.empty() ? 0 : POLLOUT));
}

}  // namespace

NetworkLine::NetworkLine(int server_port)
    : server_port_(server_port),
      listener_(Listen(port_)),
      wake_(::eventfd(0, EFD_CLOEXEC)),
      rules_({.left = kNoLimit}),
      thread_([this] { Serve(); }) {}

NetworkLine::~NetworkLine() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
}

Bytes NetworkLine::Passed() const {
  const std::lock_guard lock(mutex_);
  return passed_;
}

void NetworkLine::Change(Rules rules) {
  {
    const std::lock_guard lock(mutex_);
    mended_ = mended_ || rules_.cut();
    rules_ = rules;
    passed_ = 0;
  }
  ::eventfd_write(wake_.get(), 1);
}

void NetworkLine::CutAfter(Bytes bytes, Outage outage) {
  Change({.left = bytes, .outage = outage});
}

void NetworkLine::Mend() {
  Change({.left = kNoLimit});
}

bool NetworkLine::WaitForCut(std::chrono::seconds limit) {
  std::unique_lock lock(mutex_);
  return cut_.wait_for(lock, limit, [&] { return rules_.cut(); });
}

NetworkLine::Rules NetworkLine::CurrentRules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void NetworkLine::Serve() {
  while (Wait()) {
    std::erase_if(connections_, [&](Connection& connection) { return !Carry(connection); });
    if (const auto rules = CurrentRules(); rules.cut() && !rules.silent()) {
      std::erase_if(connections_, [](const auto& connection) { return connection.server.valid(); });
    }
  }
}

bool NetworkLine::Wait() {
  const bool silent = CurrentRules().silent();
  const auto wanted = [&](short events) { return silent ? short{0} : events; };
  std::vector<pollfd> waiting = {{.fd = wake_.get(), .events = POLLIN, .revents = 0},
                                 {.fd = listener_.get(), .events = wanted(POLLIN), .revents = 0}};
  for (const auto& connection : connections_) {
    const bool refused = !connection.server.valid();
    waiting.push_back(
        {.fd = connection.client.get(),
         .events = wanted(refused ? short{POLLIN} : EventsOf(connection.up, connection.down)),
         .revents = 0});
    waiting.push_back({.fd = connection.server.get(),
                       .events = wanted(EventsOf(connection.down, connection.up)),
                       .revents = 0});
  }
  ::poll(waiting.data(), waiting.size(), -1);
  if (waiting[0].revents != 0) {
    eventfd_t count = 0;
    ::eventfd_read(wake_.get(), &count);
    const std::lock_guard lock(mutex_);
    if (std::exchange(mended_, false)) {
      connections_.clear();
    }
    return !ends_;
  }
  if (silent) {
    // Only the end of a client is told of then.
    connections_.clear();
  } else if (waiting[1].revents != 0) {
    Accept();
  }
  return true;
}

void NetworkLine::Accept() {
  Connection connection;
  connection.client = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const auto rules = CurrentRules();
  if (!rules.cut()) {
    connection.server = ConnectTo(server_port_);
  }
  if (connection.server.valid() || (rules.cut() && rules.outage == Outage::kUnavailable)) {
    connections_.push_back(std::move(connection));
  }
}

bool NetworkLine::Carry(Connection& connection) {
  if (!connection.server.valid()) {
    return Refuse(connection);
  }
  Bytes sent = 0;
  return (!connection.up.empty() || Receive(connection.client, connection.up)) &&
         (connection.up.empty() || Send(connection.server, connection.up, kNoLimit, sent)) &&
         (!connection.down.empty() || Receive(connection.server, connection.down)) &&
         (connection.down.empty() || CarryDown(connection));
}

bool NetworkLine::CarryDown(Connection& connection) {
  Bytes sent = 0;
  const bool stays = Send(connection.client, connection.down, CurrentRules().left, sent);
  const std::lock_guard lock(mutex_);
  passed_ += sent;
  if (rules_.left != kNoLimit) {
    // A new rule may have come meanwhile.
    rules_.left -= std::min(rules_.left, sent);
  }
  if (rules_.cut()) {
    cut_.notify_all();
  }
  return stays;
}

bool NetworkLine::Refuse(Connection& connection) {
  const bool stays = Receive(connection.client, connection.up);
  if (connection.up.find("\r\n\r\n") == std::string::npos) {
    return stays;
  }
  Bytes sent = 0;
  std::string answer(kUnavailable);
  Send(connection.client, answer, kNoLimit, sent);
  return false;
}

}  // namespace ros::qemu
