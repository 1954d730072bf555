#include "installer/progress_output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "base/json.hpp"

namespace ros::installer {
namespace {

constexpr auto kRedrawEvery = std::chrono::milliseconds(100);
constexpr std::size_t kDefaultWidth = 80;
constexpr std::size_t kStepWidth = 30;

std::size_t TerminalWidth() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 40) {
    return kDefaultWidth;
  }
  return size.ws_col;
}

std::string Seconds(double seconds) {
  std::array<char, 32> text{};
  const auto whole = std::lround(seconds);
  if (whole >= 60) {
    static_cast<void>(
        std::snprintf(text.data(), text.size(), "%ld:%02ld min", whole / 60, whole % 60));
  } else if (seconds < 10) {
    static_cast<void>(std::snprintf(text.data(), text.size(), "%.1f s", seconds));
  } else {
    static_cast<void>(std::snprintf(text.data(), text.size(), "%ld s", whole));
  }
  return text.data();
}

// "120 MiB/s" or nothing where the time is too short to tell.
std::string Rate(Bytes done, double seconds) {
  if (done == 0 || seconds < 0.05) {
    return {};
  }
  return FormatBytes(static_cast<Bytes>(static_cast<double>(done) / seconds)) + "/s";
}

std::string Padded(std::string_view text, std::size_t width) {
  std::string result(text.substr(0, width));
  result.resize(width, ' ');
  return result;
}

}  // namespace

std::string FormatBar(std::string_view step,
                      Bytes done,
                      Bytes total,
                      std::chrono::milliseconds elapsed,
                      std::size_t width) {
  const double seconds = static_cast<double>(elapsed.count()) / 1000;
  // Zero of an unknown total says nothing.
  std::string tail = done == 0 && total == 0 ? "" : "  " + FormatBytes(done);
  double share = 0;
  if (total > 0) {
    share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    tail += " of " + FormatBytes(total);
  }
  if (const auto rate = Rate(done, seconds); !rate.empty()) {
    tail += "  " + rate;
  }
  if (share > 0 && share < 1) {
    tail += "  " + Seconds(seconds / share * (1 - share)) + " left";
  }
  std::string line = Padded(step, std::min(kStepWidth, width / 2)) + " ";
  const std::size_t used = line.size() + tail.size() + 2;
  if (total > 0 && used + 8 <= width) {
    const std::size_t bar = std::min<std::size_t>(width - used, 40);
    const auto full = static_cast<std::size_t>(share * static_cast<double>(bar));
    line += "[" + std::string(full, '#') + std::string(bar - full, '.') + "]";
  }
  line += tail;
  return line.substr(0, width);
}

void StepProgress::Begin(std::string_view step, Bytes total) {
  ThrowIfInterrupted();
  step_ = step;
  total_ = total;
  done_ = 0;
  begun_ = std::chrono::steady_clock::now();
  shown_ = begun_;
  OnBegin();
}

void StepProgress::Update(Bytes done) {
  ThrowIfInterrupted();
  done_ = done;
  const auto now = std::chrono::steady_clock::now();
  if (now - shown_ >= kRedrawEvery) {
    shown_ = now;
    OnUpdate();
  }
}

void StepProgress::End() {
  if (total_ > 0) {
    done_ = total_;
  }
  OnEnd();
}

std::chrono::milliseconds StepProgress::Elapsed() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                               begun_);
}

BarProgress::~BarProgress() {
  if (line_open_) {
    out_ << '\n';
    out_.flush();
  }
}

void BarProgress::OnUpdate() {
  out_ << "\r\x1b[K" << FormatBar(step(), done(), total(), Elapsed(), TerminalWidth() - 1);
  out_.flush();
  line_open_ = true;
}

void BarProgress::OnEnd() {
  OnUpdate();
  out_ << '\n';
  out_.flush();
  line_open_ = false;
}

void BarProgress::Warn(std::string_view message) {
  out_ << (line_open_ ? "\r\x1b[K" : "") << "ros: warning: " << message << '\n';
  out_.flush();
  line_open_ = false;
}

void LineProgress::OnEnd() {
  out_ << step();
  if (done() > 0) {
    const double seconds = static_cast<double>(Elapsed().count()) / 1000;
    out_ << ": " << FormatBytes(done()) << " in " << Seconds(seconds);
    if (const auto rate = Rate(done(), seconds); !rate.empty()) {
      out_ << ", " << rate;
    }
  }
  out_ << '\n';
  out_.flush();
}

void LineProgress::Warn(std::string_view message) {
  out_ << "ros: warning: " << message << '\n';
  out_.flush();
}

void JsonProgress::Put(std::string_view event) {
  Json json;
  json.Set("event", event).Set("step", step()).Set("done", done()).Set("total", total());
  out_ << json.Dump() << '\n';
  out_.flush();
}

void JsonProgress::Warn(std::string_view message) {
  Json json;
  json.Set("event", "warning").Set("message", message);
  out_ << json.Dump() << '\n';
  out_.flush();
}

}  // namespace ros::installer
