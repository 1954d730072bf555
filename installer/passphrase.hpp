#pragma once

#include <string>

#include "keys/secret.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 is called so.
class App;
}

namespace ros::installer {

// --passphrase-file for a command that takes a private key.
void AddPassphraseOption(CLI::App& command, std::string& file);

// Where the passphrase of a private key comes from: the file, if one is named; else the variable
// COSIGN_PASSWORD, as cosign has it; else the terminal, without echo. Throws kUsage where there is
// none of them, and when it is called.
keys::PassphraseSource MakePassphraseSource(const std::string& file);

// Whether COSIGN_PASSWORD has one.
bool HasPassphraseVariable();

// A passphrase for a new key, from the same places; asks twice on a terminal. Throws kUsage for an
// empty one and for two that differ.
keys::Secret AskNewPassphrase(const std::string& file, const std::string& what);

}  // namespace ros::installer
