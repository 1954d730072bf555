#pragma once

#include <string_view>

#include "base/bytes.hpp"

namespace ros {

// How an operation tells that it goes on. Library folders report here and never print; the command
// decides between a bar, plain lines and JSON events. Called from one thread.
class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  virtual ~Progress() = default;

  // A step begins, e.g. "writing the root of slot b". `total` is 0 where it is not known.
  virtual void Begin(std::string_view step, Bytes total) = 0;
  // So much of the step is done (not an increment). Cheap; may be called for every chunk.
  virtual void Update(Bytes done) = 0;
  // The step has ended well. A step that fails just ends by its exception.
  virtual void End() = 0;
  // Something survived that a person should read.
  virtual void Warn(std::string_view message) = 0;
};

// For callers that do not watch.
class NoProgress final : public Progress {
 public:
  void Begin(std::string_view /*step*/, Bytes /*total*/) override {}

  void Update(Bytes /*done*/) override {}

  void End() override {}

  void Warn(std::string_view /*message*/) override {}
};

}  // namespace ros
