// SPDX-License-Identifier: BSD-3-Clause
#include "control/config_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "conf/difference.h"
#include "conf/load.h"
#include "conf/read_file.h"
#include "control/write_file.h"

namespace isthmus::control {
namespace {

namespace fs = std::filesystem;

/// Whoever may use the socket must not choose any file of the system.
bool is_plain_name(const std::string& name) {
  return name.ends_with(".conf") && name.find('/') == std::string::npos && !name.starts_with('.');
}

/// The file itself where the configuration is a link: the link stays.
std::string target_of(const conf::Config& running, const std::string& name) {
  std::error_code error;
  const auto real = fs::canonical(running.file, error);
  const auto file = error ? fs::path(running.file) : real;
  return name.empty() ? file.string() : (file.parent_path() / name).string();
}

}  // namespace

Result<SavedFile> write_config(const conf::Config& running, const std::string& known_text,
                               const SaveWish& wish) {
  if (!wish.name.empty() && !is_plain_name(wish.name)) {
    return Error{
        fmt::format("found \"{}\", expected a name like \"new.conf\", without a folder: it is "
                    "written beside {}",
                    wish.name, running.file)};
  }
  // What is written has to be what runs, whatever else happened.
  const auto again = conf::read_text(running.text, running.file);
  if (!again || !conf::differences(running, **again).empty()) {
    return Error{"the text of the configuration does not say what runs; report this"};
  }
  if (running.text.size() > kMaxConfigFile) {
    return Error{
        fmt::format("the configuration is larger than {} MiB, more than is read at start; "
                    "mappings and names have files of their own",
                    kMaxConfigFile >> 20)};
  }
  SavedFile saved{target_of(running, wish.name), {}};
  std::error_code error;
  if (fs::exists(saved.file, error)) {
    const auto old = conf::read_file(saved.file, kMaxConfigFile, "a configuration file");
    if (!old) return old.error();
    if (!wish.force && !wish.name.empty()) {
      return Error{saved.file + " exists; \"save NAME.conf --force\" replaces it"};
    }
    if (!wish.force && *old != known_text) {
      return Error{saved.file +
                   " has been edited since it was read: \"show config --diff\" shows the "
                   "difference, \"save --force\" replaces it, \"reload\" takes it instead"};
    }
    saved.previous = saved.file + ".bak";
    if (const auto kept = replace_file(saved.previous, *old); !kept) return kept.error();
  }
  if (const auto written = replace_file(saved.file, running.text); !written) return written.error();
  return saved;
}

}  // namespace isthmus::control
