#include "qemu-harness/web_server.hpp"

#include "qemu-harness/places.hpp"

namespace ros::qemu {

WebServer::WebServer(const std::string& name)
    : directory_(RunDirectory(), "web"),
      server_(
          name,
          {.argv = {ROS_WEB_SERVER}, .directory = directory_.path(), .says_port = "^([0-9]+)\n"}) {}

void WebServer::Put(std::string_view image, std::string_view path) const {
  std::filesystem::create_symlink(ImagePath(image), directory_.path() / path);
}

}  // namespace ros::qemu
