#pragma once

#include <string>
#include <string_view>

namespace ros {

// A text from outside as a message may show it: at most 100 characters, and a question mark for
// each byte that is not printable ASCII.
std::string ShowText(std::string_view text);

// A text that a person wrote: as it is, but as above where it is longer than 200 bytes.
std::string ShortenText(std::string_view text);

// The same between quotation marks.
std::string QuoteText(std::string_view text);

}  // namespace ros
