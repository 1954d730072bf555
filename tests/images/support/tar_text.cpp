#include "tests/images/support/tar_text.hpp"

#include <algorithm>
#include <cstdio>

namespace ros::images::testing {
namespace {

constexpr std::size_t kBlock = 512;

std::string Octal(unsigned long long value, std::size_t width) {
  std::string digits(width - 1, '0');
  for (std::size_t i = width - 1; i-- > 0; value /= 8) {
    digits[i] = static_cast<char>('0' + value % 8);
  }
  return digits + '\0';
}

void Pad(std::string& text) {
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\0');
}

std::string Header(const TarEntry& entry) {
  std::string header(kBlock, '\0');
  const auto put = [&](std::size_t offset, const std::string& text, std::size_t width) {
    header.replace(offset, std::min(width, text.size()), text.substr(0, width));
  };
  put(0, entry.path, 100);
  put(100, Octal(entry.mode, 8), 8);
  put(108, Octal(entry.owner, 8), 8);
  put(116, Octal(entry.group, 8), 8);
  put(124, Octal(entry.content.size(), 12), 12);
  put(136, Octal(static_cast<unsigned long long>(entry.modified), 12), 12);
  put(148, "        ", 8);
  header[156] = entry.type;
  put(157, entry.link, 100);
  put(257, std::string("ustar\0", 6) + "00", 8);
  put(329, Octal(entry.major, 8), 8);
  put(337, Octal(entry.minor, 8), 8);
  unsigned sum = 0;
  for (const char c : header) {
    sum += static_cast<unsigned char>(c);
  }
  put(148, Octal(sum, 7) + " ", 8);
  return header;
}

// "LENGTH KEY=VALUE\n", where LENGTH counts itself.
std::string PaxRecord(const std::string& key, const std::string& value) {
  const std::string rest = " " + key + "=" + value + "\n";
  std::size_t length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) {
    length = std::to_string(length).size() + rest.size();
  }
  return std::to_string(length) + rest;
}

}  // namespace

std::string MakeTar(const std::vector<TarEntry>& entries) {
  std::string tar;
  for (const auto& entry : entries) {
    if (!entry.pax.empty()) {
      TarEntry pax{"pax", 'x'};
      for (const auto& [key, value] : entry.pax) {
        pax.content += PaxRecord(key, value);
      }
      tar += Header(pax) + pax.content;
      Pad(tar);
    }
    tar += Header(entry) + entry.content;
    Pad(tar);
  }
  return tar + std::string(2 * kBlock, '\0');
}

}  // namespace ros::images::testing
