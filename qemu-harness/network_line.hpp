#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "base/unique_fd.hpp"

namespace ros::qemu {

// What a line is like once it is cut.
enum class Outage {
  kClosed,       // connections end, and new ones end at once without a word
  kUnavailable,  // connections end; new ones are told "503 Service Unavailable", as by a proxy
                 // whose server is away
  kSilent,       // connections stay, and nothing passes any more
};

// A TCP line to a server on the loopback, which can be cut after so many bytes. A thread carries it
// and ends with the object.
class NetworkLine {
 public:
  explicit NetworkLine(int server_port);
  NetworkLine(const NetworkLine&) = delete;
  NetworkLine& operator=(const NetworkLine&) = delete;
  NetworkLine(NetworkLine&&) = delete;
  NetworkLine& operator=(NetworkLine&&) = delete;
  ~NetworkLine();

  // On 127.0.0.1.
  [[nodiscard]] int port() const { return port_; }

  // What went from the server to clients since the object, CutAfter or Mend.
  [[nodiscard]] Bytes Passed() const;

  // Lets so many bytes pass to clients, and not one more.
  void CutAfter(Bytes bytes, Outage outage);

  // Waits for that; false when it has not come about within the limit.
  bool WaitForCut(std::chrono::seconds limit);

  // All is well again. Connections that were silent have ended.
  void Mend();

 private:
  // Bytes are held only while their receiver takes none.
  struct Connection {
    UniqueFd client;
    UniqueFd server;  // none in an outage
    std::string up;   // to the server; in an outage the request so far
    std::string down;
  };

  struct Rules {
    Bytes left = 0;  // that may pass
    Outage outage = Outage::kClosed;

    [[nodiscard]] bool cut() const { return left == 0; }

    [[nodiscard]] bool silent() const { return cut() && outage == Outage::kSilent; }
  };

  void Serve();
  [[nodiscard]] Rules CurrentRules() const;
  void Change(Rules rules);
  // Waits until there is something to do; false when the line ends.
  bool Wait();
  void Accept();
  // Each tells whether the connection stays.
  bool Carry(Connection& connection);
  bool CarryDown(Connection& connection);
  static bool Refuse(Connection& connection);

  int server_port_;
  int port_ = 0;
  UniqueFd listener_;
  UniqueFd wake_;  // an eventfd: a rule has changed
  std::vector<Connection> connections_;

  mutable std::mutex mutex_;
  std::condition_variable cut_;
  Rules rules_;
  Bytes passed_ = 0;
  bool mended_ = false;
  bool ends_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace ros::qemu
