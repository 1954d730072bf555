#pragma once

namespace ros::keys {

// Makes OpenSSL read no configuration file and load nothing from the disk: what verifies is what
// was linked. To be called before anything else of this folder, once.
void StartOpensslWithoutConfig();

}  // namespace ros::keys
