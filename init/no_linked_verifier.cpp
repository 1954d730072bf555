// For ros-init, which is smaller by all that verifies.
#include "init/boot_check.hpp"

namespace ros::init {

SlotVerifier LinkedSlotVerifier() {
  return {};
}

}  // namespace ros::init
