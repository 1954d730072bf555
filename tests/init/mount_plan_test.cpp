#include "init/mount_plan.hpp"

#include <catch2/catch.hpp>

#include "base/error.hpp"
#include "base/file.hpp"

namespace ros::init {
namespace {

std::string Describe(const MountStep& step) {
  const char* kind = step.kind == MountKind::kBind   ? "bind"
                     : step.kind == MountKind::kMove ? "move"
                                                     : "mount";
  return std::string(kind) + " " + step.source + " " + step.target +
         (step.type.empty() ? "" : " " + step.type) +
         (step.options.empty() ? "" : " " + step.options) + (step.optional ? " optional" : "");
}

TEST_CASE("PlanMounts: is this, for slot b", "[init]") {
  std::vector<std::string> lines;
  for (const auto& step : PlanMounts(SlotId::kB)) {
    lines.push_back(Describe(step));
  }
  CHECK(lines == std::vector<std::string>{
                     "mount etc /sysroot/etc overlay lowerdir=/sysroot/etc,"
                     "upperdir=/state/etc/b/upper,workdir=/state/etc/b/work,"
                     "index=off,metacopy=off,redirect_dir=off,xino=off",
                     "bind /state/var /sysroot/var optional",
                     "bind /state/home /sysroot/home optional",
                     "bind /state/root /sysroot/root optional",
                     "bind /state/opt /sysroot/opt optional",
                     "bind /state/srv /sysroot/srv optional",
                     "bind /state/ros /sysroot/ros",
                     "mount tmpfs /sysroot/run tmpfs mode=0755",
                     "mount tmpfs /sysroot/tmp tmpfs mode=1777 optional",
                     "move /dev /sysroot/dev",
                     "move /proc /sysroot/proc",
                     "move /sys /sysroot/sys",
                 });
}

TEST_CASE("Mount: passes over what an image has made a link, where that is allowed", "[init]") {
  const TempDirectory root;
  const auto target = root.path() / "home";
  std::filesystem::create_symlink("var/home", target);
  MountStep step{.kind = MountKind::kBind, .source = "/", .target = target, .optional = true};
  CHECK_NOTHROW(Mount(step));
  step.target = root.path() / "missing";
  CHECK_NOTHROW(Mount(step));
  step.optional = false;
  step.target = "/sysroot/ros";
  CHECK_THROWS_WITH(Mount(step), Catch::Contains("the root has no directory /ros to mount on"));
}

}  // namespace
}  // namespace ros::init
