#include <catch2/catch.hpp>

#include "qemu-harness/boot_files.hpp"
#include "qemu-harness/host.hpp"
#include "qemu-harness/network_line.hpp"
#include "qemu-harness/places.hpp"
#include "qemu-harness/registry_server.hpp"
#include "qemu-harness/scenarios/story.hpp"
#include "qemu-harness/web_server.hpp"

using namespace ros::literals;  // NOLINT(google-build-using-namespace)
using namespace ros::qemu;      // NOLINT(google-build-using-namespace)

namespace {

constexpr int kNetworkFailed = 6;
constexpr int kSomethingNew = 10;
// An unattended upgrade asks for the image to write it, and again to arm it; and for the channel.
constexpr ros::Bytes kRounds = 3;
// What version 2 has and version 1 has not (os/make-images); no packing makes it fewer.
constexpr ros::Bytes kNew = 24_MiB;
// Manifests, signatures, the root index, and metadata of the root: what comes beside it.
constexpr ros::Bytes kBeside = 4_MiB;
// In the middle of the new bytes, and what is in the slot by then at least: the rest is what `ros`
// holds in its memory.
constexpr ros::Bytes kMiddle = 16_MiB;
constexpr ros::Bytes kWritten = 4_MiB;
// The heads of all responses.
constexpr ros::Bytes kHeads = 64_KiB;
// A file of the root that nobody reads (os/make-images) and no packing makes smaller: its middle,
// and the least that a frame of a part of it has.
constexpr ros::Bytes kMiddleOfUnread = 512_KiB;
constexpr ros::Bytes kLeastFrame = 100_KiB;
constexpr std::chrono::seconds kLong(600);

// What a machine calls a port of the host's loopback.
std::string FromGuest(int port) {
  return "10.0.2.2:" + std::to_string(port);
}

// Where a machine gets version 2 from: as it names this, SCHEME SERVER PATH, and the server's port
// on the host.
struct Source {
  std::string scheme;
  int port = 0;
  std::string path;
};

// A registry that has version 2, as this image.
class Registry {
 public:
  explicit Registry(const std::string& image = "tiny-network-v2") : server_(Cell() + "/registry") {
    server_.Push(image, "os:2");
  }

  [[nodiscard]] Source source() const { return {.port = server_.port(), .path = "/os:2"}; }

  [[nodiscard]] std::string name() const { return FromGuest(server_.port()); }

  // Has a channel that has released version 2 to all.
  void PushChannel() const {
    const ros::TempDirectory directory("ros-test");
    const std::string document = directory.path() / "stable.channel.oci";
    MustRos({"channel",
             "build",
             "--name",
             "stable",
             "--serial",
             "1",
             "--valid-for",
             "30d",
             "--release",
             ImagePath("tiny-network-v2").string(),
             "-o",
             document});
    MustRos({"channel", "sign", "--key", KeyPath("release.key").string(), document});
    MustRos({"image",
             "push",
             "--plain-http",
             document,
             "127.0.0.1:" + std::to_string(server_.port()) + "/os:stable.channel"});
  }

 private:
  RegistryServer server_;
};

// A machine with version 1, and a line between it and a server that has version 2.
class NetworkStory {
 public:
  NetworkStory(const std::string& name, Source source)
      : source_(std::move(source)),
        line_(source_.port),
        story_(name, {}, NewDisk("tiny-network-v1")) {
    story_.UseNetwork();
  }

  // Boots and waits for the network, among others.
  Machine& Boot() {
    Machine& machine = story_.Boot();
    story_.WaitForServices();
    return machine;
  }

  [[nodiscard]] std::string Command() const { return CommandFor(Line()); }

  // The same without the line, from the server itself.
  [[nodiscard]] std::string DirectCommand() const { return CommandFor(FromGuest(source_.port)); }

  // From now on the machine asks the line for what a registry has, and the registry itself last.
  void MakeLineTheMirrorOf(const std::string& registry) {
    story_.machine().MustRun("mkdir -p /etc/ros && printf 'mirrors:\\n  \"" + registry +
                             "\": {endpoint: [\"http://" + Line() +
                             "\"]}\\n' >/etc/ros/registries.yml");
  }

  // Restarts into version 2 and sees it commit.
  void Commit() {
    SeeCommit("reboot -f");
    story_.PowerOff();
    CHECK(StateOnDisk(story_.disk()) == StoredState{"b"});
  }

  // The same, and goes on.
  void SeeCommit(std::string_view restart) {
    Machine& machine = story_.machine();
    machine.RestartBy(restart);
    machine.WaitForShell("2");
    CHECK(WhoRuns(machine) == RunningOs{"b", "2", true});
    story_.WaitForServices();
    CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("commit"));
  }

  // From now on the machine follows the channel of the registry behind the line.
  void FollowChannel() {
    Machine& machine = story_.machine();
    machine.MustRun("ros config set ros.upgrade.channel " + Line() + "/os:stable");
    machine.MustRun("ros config set ros.upgrade.window always");
  }

  // The exit code of `ros upgrade --check`.
  int Checks() { return story_.machine().Run("ros upgrade --check --plain-http").exit_code; }

  // Something new, as JSON and in a file for Prometheus, which a check that fails leaves as it is.
  void SeeMonitoring() {
    Machine& machine = story_.machine();
    const std::string check = "ros upgrade --check --prometheus /tmp/ros.prom";
    const GuestResult checked = machine.Run(check + " --plain-http --json");
    CHECK(checked.exit_code == kSomethingNew);
    CHECK_THAT(checked.output, Catch::Contains(R"("state": "take")"));
    const std::string metrics = machine.MustRun("cat /tmp/ros.prom");
    CHECK_THAT(metrics, Catch::Contains("ros_upgrade_available{channel=\"stable\"} 1"));
    CHECK_THAT(metrics, Catch::Contains("ros_channel_halted{channel=\"stable\"} 0"));
    CHECK(machine.Run(check).exit_code == kNetworkFailed);
    CHECK(machine.MustRun("cat /tmp/ros.prom") == metrics);
  }

  [[nodiscard]] NetworkLine& line() { return line_; }

  [[nodiscard]] Story& story() { return story_; }

  // What the machine calls the line.
  [[nodiscard]] std::string Line() const { return FromGuest(line_.port()); }

 private:
  [[nodiscard]] std::string CommandFor(const std::string& server) const {
    return "ros upgrade --no-reboot --plain-http -i " + source_.scheme + server + source_.path;
  }

  Source source_;
  NetworkLine line_;
  Story story_;
};

struct Transfer {
  ros::Bytes fetched = 0;   // of root, kernel and initrd
  ros::Bytes copied = 0;    // of the root, from the running slot
  ros::Bytes patched = 0;   // of the root, made of what the running slot has
  ros::Bytes kept = 0;      // of the root, in its place already
  ros::Bytes divided = 0;   // chunks of the root that are put together of fragments
  ros::Json patched_files;  // kernel and initrd, where they are made of what the running slot has
  ros::Bytes asking = 0;    // what the plan itself took: manifests, signatures, the root index
};

// What an upgrade takes, as its plan says. The line is counted anew.
Transfer PlannedTransfer(NetworkStory& network) {
  network.line().Mend();
  const ros::Json plan = Ask(network.story().machine(), network.Command() + " --plan");
  const ros::Json& transfer = plan.At("transfer", "plan");
  const ros::Json& root = transfer.At("root", "transfer");
  return {.fetched = transfer.At("fetch_bytes", "transfer").AsUint("transfer"),
          .copied = root.At("copied_bytes", "root").AsUint("root"),
          .patched = root.At("patched_bytes", "root").AsUint("root"),
          .kept = root.At("kept_bytes", "root").AsUint("root"),
          .divided = root.At("fragmented_chunks", "root").AsUint("root"),
          .patched_files = transfer.At("patched_files", "transfer"),
          .asking = network.line().Passed()};
}

// Upgrades, and tells how many bytes more went over the line than the plan said, heads of responses
// among them.
ros::Bytes UpgradeBeyond(NetworkStory& network, const Transfer& planned) {
  network.line().Mend();
  network.story().machine().MustRun(network.Command(), kLong);
  REQUIRE(network.line().Passed() >= planned.asking + planned.fetched);
  return network.line().Passed() - planned.asking - planned.fetched;
}

// Whether an error says what there was; a closed connection is told by whether the request was
// read.
bool TellsOf(Outage outage, const std::string& error) {
  const auto says = [&](const char* what) { return error.find(what) != std::string::npos; };
  return outage == Outage::kUnavailable
             ? says("503")
             : says("Empty reply from server") || says("Connection reset by peer");
}

// An upgrade that the network ends.
void BreaksOff(NetworkStory& network, Outage outage) {
  Machine& machine = network.story().machine();
  network.line().CutAfter(kMiddle, outage);
  const GuestResult failed = machine.Run(network.Command(), kLong);
  INFO(failed.output);
  CHECK(network.line().WaitForCut(std::chrono::seconds(0)));
  CHECK(failed.exit_code == kNetworkFailed);
  CHECK_THAT(failed.output, Catch::Contains("10.0.2.2"));
  CHECK(TellsOf(outage, failed.output));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});
  const ros::Json status = Ask(machine, "ros status");
  CHECK(status.At("good", "status") == ros::Json("a"));
  CHECK(status.Find("trial", "status") == nullptr);
}

// What is left of an upgrade that was broken off: what came before is not fetched again.
Transfer PlannedRest(NetworkStory& network) {
  const Transfer planned = PlannedTransfer(network);
  INFO("planned: " << planned.fetched << " fetched, " << planned.copied << " copied, "
                   << planned.kept << " kept");
  CHECK(planned.fetched < kNew - kWritten);
  CHECK(planned.kept > kWritten);
  return planned;
}

// The upgrade goes on where it was broken off.
void GoesOn(NetworkStory& network) {
  const Transfer planned = PlannedRest(network);
  CHECK(UpgradeBeyond(network, planned) < kHeads);
}

// The command, while another `ros` holds the machine's lock until this one has said that it waits
// for that. Whoever opens the pipe for writing waits for its reader, which has the lock by then.
std::string WhileAnotherWorks(const std::string& command) {
  return "mkfifo /tmp/said; "
         "(flock 9; while read -r line; do echo \"$line\" >>/tmp/lines; case $line in "
         "*'another ros is at work'*) exec 9>&- ;; esac; done </tmp/said) 9>>/run/ros/lock & " +
         command + " 2>/tmp/said || { wait; cat /tmp/lines; false; }";
}

// What system-upgrade-controller runs on a node whose turn it is: a container that sees the node's
// processes, and has else its own of all.
std::string NodeUpgrade(const std::string& version) {
  const std::string container = "/usr/lib/harness/container";
  return "unshare --mount --uts --ipc --net sh -c 'mount -t proc proc " + container +
         "/proc && exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "
         "SYSTEM_UPGRADE_PLAN_LATEST_VERSION=" +
         version + " ROS_REPOSITORY=registry.example/os ROS_POLL=1 chroot " + container +
         " /usr/local/bin/node-upgrade'";
}

// What has passed the line may still be on its way to the disk.
void WaitForWrites(Machine& machine, const DiskImage& disk, ros::Bytes allocated) {
  constexpr std::chrono::milliseconds kSlice(100);
  const auto deadline = std::chrono::steady_clock::now() + kLong;
  const auto written = [&] { return disk.Allocated() >= allocated; };
  while (!machine.WaitUntil(written, kSlice)) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
  }
}

}  // namespace

TEST_CASE("upgrade-over-a-network-that-breaks", "[qemu]") {
  const Registry registry;
  NetworkStory network("network", registry.source());
  network.Boot();

  INFO("most of the image is in the running slot");
  const Transfer planned = PlannedTransfer(network);
  CHECK(planned.fetched >= kNew);
  CHECK(planned.fetched < kNew + kBeside);
  CHECK(planned.copied > 2 * kNew);
  CHECK(planned.patched > 0);
  INFO("its initrd, which has a key more, is made of the running one's");
  REQUIRE(planned.patched_files.AsArray("transfer").size() == 1);
  const ros::Json& initrd = planned.patched_files.AsArray("transfer").front();
  CHECK(initrd.At("name", "file") == ros::Json("INITRD"));
  CHECK(initrd.At("fetch_bytes", "file").AsUint("file") < 10'000);
  CHECK(planned.kept == 0);
  CHECK(planned.asking < kBeside);

  INFO("the registry goes away in the middle");
  BreaksOff(network, Outage::kUnavailable);

  INFO("and is back: the machine goes on by itself, as its channel says");
  const Transfer rest = PlannedRest(network);
  registry.PushChannel();
  network.FollowChannel();
  CHECK(network.Checks() == kSomethingNew);
  network.SeeMonitoring();
  network.line().Mend();
  network.SeeCommit(WhileAnotherWorks("ros upgrade --unattended --plain-http"));
  CHECK(network.line().Passed() >= rest.fetched);
  CHECK(network.line().Passed() < rest.fetched + kRounds * rest.asking + kHeads);
  CHECK(network.Checks() == 0);
  network.story().PowerOff();
  CHECK(StateOnDisk(network.story().disk()) == StoredState{"b"});
}

TEST_CASE("upgrade-by-fragments-over-a-network", "[qemu]") {
  const Registry registry("tiny-network-divided");
  NetworkStory network("fragments", registry.source());
  network.Boot();
  const Transfer planned = PlannedTransfer(network);
  CHECK(planned.divided > 0);
  CHECK(planned.patched == 0);
  INFO("its initrd, which has a key more, is packed anew");
  REQUIRE(planned.patched_files.AsArray("transfer").size() == 1);
  const ros::Json& initrd = planned.patched_files.AsArray("transfer").front();
  CHECK(initrd.At("name", "file") == ros::Json("INITRD"));
  CHECK(initrd.At("of", "file") == ros::Json("none"));
  CHECK(planned.fetched >= kNew);
  CHECK(planned.copied > 2 * kNew);
  CHECK(UpgradeBeyond(network, planned) < kHeads);
  network.Commit();
}

TEST_CASE("upgrade-over-a-dead-line", "[qemu]") {
  const Registry registry;
  NetworkStory network("dead-line", registry.source());
  network.Boot();
  BreaksOff(network, Outage::kClosed);
  GoesOn(network);
  network.Commit();
}

TEST_CASE("upgrade-from-a-web-server", "[qemu]") {
  const WebServer server(Cell() + "/web");
  server.Put("tiny-network-v2", "os-2.oci");
  NetworkStory network("web", {.scheme = "http://", .port = server.port(), .path = "/os-2.oci"});
  network.Boot();
  const Transfer planned = PlannedTransfer(network);
  CHECK(planned.fetched >= kNew);
  CHECK(planned.fetched < kNew + kBeside);
  CHECK(planned.copied > 2 * kNew);
  CHECK(planned.patched > 0);
  BreaksOff(network, Outage::kClosed);
  GoesOn(network);
  network.Commit();
}

TEST_CASE("upgrade-through-a-mirror-that-dies", "[qemu]") {
  const Registry registry;
  NetworkStory network("mirror", registry.source());
  Machine& machine = network.Boot();
  network.MakeLineTheMirrorOf(registry.name());
  network.line().CutAfter(kMiddle, Outage::kClosed);
  const GuestResult upgraded = machine.Run(network.DirectCommand(), kLong);
  INFO(upgraded.output);
  CHECK(upgraded.exit_code == 0);
  CHECK(network.line().WaitForCut(std::chrono::seconds(0)));
  CHECK_THAT(
      upgraded.output,
      Catch::Contains("warning: a mirror was passed over: ") && Catch::Contains(network.Line()));
  network.Commit();
}

TEST_CASE("kubernetes-upgrades-a-node", "[qemu]") {
  const Registry registry;
  NetworkStory network("node", registry.source());
  Machine& machine = network.Boot();
  network.MakeLineTheMirrorOf("registry.example");

  INFO("no such version: the job fails, the node stays");
  const GuestResult failed = machine.Run(NodeUpgrade("3"), kLong);
  INFO(failed.output);
  CHECK(failed.exit_code == kNetworkFailed);
  CHECK_THAT(failed.output, Catch::Contains("the node runs 1; upgrading it to 3"));
  CHECK(WhoRuns(machine) == RunningOs{"a", "1"});

  INFO(
      "the container restarts the node, and ends well when it is started again and the gate is "
      "over");
  machine.RestartBy(NodeUpgrade("2"));
  machine.WaitForShell("2");
  const GuestResult ended = machine.Run(NodeUpgrade("2"), kLong);
  INFO(ended.output);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.output, Catch::Contains("the node runs 2"));
  CHECK(Ask(machine, "ros status").At("on_trial", "status") == ros::Json(false));
  CHECK_THAT(machine.MustRun("ros why"), Catch::Contains("commit"));
}

TEST_CASE("power-cut-in-an-upgrade-over-a-network", "[qemu]") {
  const Registry registry;
  NetworkStory network("power-cut", registry.source());
  Machine& machine = network.Boot();
  const DiskImage& disk = network.story().disk();
  const ros::Bytes before = disk.Allocated();
  network.line().CutAfter(kMiddle, Outage::kSilent);
  // Nobody reads its progress while the line is waited for, and a serial port holds little.
  machine.Start(network.Command() + " >/dev/null 2>&1");
  REQUIRE(network.line().WaitForCut(kLong));
  WaitForWrites(machine, disk, before + 2 * kWritten);
  machine.Kill();
  CHECK(CheckBootPartition(disk).empty());
  REQUIRE(StateOnDisk(disk) == StoredState{"a"});

  CHECK(WhoRuns(network.Boot()) == RunningOs{"a", "1"});
  GoesOn(network);
  network.Commit();
}

TEST_CASE("upgrade-over-a-network-from-a-damaged-slot", "[qemu]") {
  const Registry registry;
  NetworkStory network("damaged", registry.source());
  DiskImage& disk = network.story().disk();
  const Partition slot = disk.FindPartition("ROS-A");
  const std::size_t unread = disk.Read(slot.offset, slot.length).find("This is read by nobody.\n");
  REQUIRE(unread != std::string::npos);
  disk.Damage(slot.offset + unread + kMiddleOfUnread, 1);

  network.Boot();
  const Transfer planned = PlannedTransfer(network);
  CHECK(planned.fetched < kNew + kBeside);
  INFO("one frame more than planned comes: the plan looks at digests and not into the slot");
  const ros::Bytes beyond = UpgradeBeyond(network, planned);
  CHECK(beyond > kLeastFrame);
  CHECK(beyond < 1_MiB + kHeads);
  network.Commit();
}
