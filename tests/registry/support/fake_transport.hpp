#pragma once

#include <deque>
#include <string>
#include <vector>

#include "registry/http.hpp"

namespace ros::testing {

// Answers one request after the other with what was prepared, and keeps what it was asked.
class FakeTransport final : public registry::Transport {
 public:
  struct Answer {
    int status = 200;
    std::vector<registry::HttpHeader> headers;
    std::string body;
    bool breaks = false;  // after the body, which is not all of it
  };

  registry::HttpResponse Send(const registry::HttpRequest& request) override {
    asked.push_back(request);
    if (request.body && request.body->size > 0) {
      std::string sent(request.body->size, '\0');
      request.body->read(0, std::as_writable_bytes(std::span(sent)));
      bodies.push_back(sent);
    }
    if (answers.empty()) {
      return {.status = 0, .failure = "nothing more was prepared", .headers = {}, .body = {}};
    }
    const auto answer = answers.front();
    answers.pop_front();
    registry::HttpResponse response{
        .status = answer.status, .failure = {}, .headers = answer.headers, .body = {}};
    const bool streamed = request.open_sink && (answer.status == 200 || answer.status == 206);
    if (streamed) {
      request.open_sink(response)(AsBytes(answer.body));
    } else {
      response.body = answer.body;
    }
    if (answer.breaks) {
      response.status = 0;
      response.failure = "the connection broke";
    }
    return response;
  }

  // The value of a header of request `number`; empty where it had none.
  [[nodiscard]] std::string HeaderOf(std::size_t number, std::string_view name) const {
    for (const auto& header : asked.at(number).headers) {
      if (header.name == name) {
        return header.value;
      }
    }
    return {};
  }

  std::deque<Answer> answers;
  std::vector<registry::HttpRequest> asked;
  std::vector<std::string> bodies;
};

}  // namespace ros::testing
