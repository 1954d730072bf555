#include "installer/disk_picture.hpp"

#include <algorithm>
#include <numeric>

namespace ros::installer {
namespace {

std::string Cell(const std::string& label, std::size_t width) {
  std::string text = label.size() > width ? label.substr(0, width) : label;
  if (label.size() > width && width < 3) {
    text.clear();
  }
  text.resize(width, label.empty() ? '.' : ' ');
  return text;
}

bool IsFlushRight(const std::string& header) {
  return !header.empty() && header[0] == '>';
}

std::string HeaderText(const std::string& header) {
  return IsFlushRight(header) ? header.substr(1) : header;
}

// Of a table with a header.
std::vector<std::size_t> ColumnWidths(const std::vector<std::vector<std::string>>& rows) {
  const auto& header = rows.front();
  std::vector<std::size_t> widths(header.size(), 0);
  for (std::size_t column = 0; column < header.size(); ++column) {
    widths[column] = HeaderText(header[column]).size();
    for (auto row = rows.begin() + 1; row != rows.end(); ++row) {
      widths[column] = std::max(widths[column], row->at(column).size());
    }
  }
  return widths;
}

}  // namespace

std::vector<std::size_t> ScaleParts(const std::vector<PicturePart>& parts, std::size_t width) {
  std::vector<std::size_t> columns(parts.size(), 1);
  if (parts.empty()) {
    return columns;
  }
  double total = 0;
  for (const auto& part : parts) {
    total += static_cast<double>(part.length);
  }
  for (std::size_t i = 0; i < parts.size() && total > 0; ++i) {
    const double share = static_cast<double>(parts[i].length) / total;
    columns[i] =
        std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(width)));
  }
  // What rounding and the least width of one took or left goes to the widest part.
  auto sum = std::accumulate(columns.begin(), columns.end(), std::size_t{0});
  for (; sum < width; ++sum) {
    ++*std::max_element(columns.begin(), columns.end());
  }
  for (; sum > width && sum > parts.size(); --sum) {
    --*std::max_element(columns.begin(), columns.end());
  }
  return columns;
}

std::string DrawDisk(const std::vector<PicturePart>& parts, std::size_t width) {
  const std::size_t borders = parts.size() + 1;
  const auto columns = ScaleParts(parts, std::max(width, borders + parts.size()) - borders);
  std::string edge = "+";
  std::string middle = "|";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    edge += std::string(columns[i], '-') + "+";
    middle += Cell(parts[i].label, columns[i]) + "|";
  }
  return edge + "\n" + middle + "\n" + edge + "\n";
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  if (rows.empty()) {
    return {};
  }
  const auto& header = rows.front();
  const auto widths = ColumnWidths(rows);
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < header.size(); ++column) {
      const auto text = &row == &header ? HeaderText(row[column]) : row.at(column);
      const std::string padding(widths[column] - text.size(), ' ');
      line += column == 0 ? "" : "  ";
      line += IsFlushRight(header[column]) ? padding + text : text + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    table += line + "\n";
  }
  return table;
}

}  // namespace ros::installer
