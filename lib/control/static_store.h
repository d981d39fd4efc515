// SPDX-License-Identifier: BSD-3-Clause
// The file of static bindings that outlive a restart (control.static_file).
//
// Theory of operation. A line for each, in the words of "add static"; empty lines and those that
// begin with # are passed over. The whole file is written anew, beside the old one, made durable
// and put in its place, so that a crash leaves the old or the new one. Only "add static ...
// persist" and "remove static" write it; a file that cannot be understood is an error that names
// the line, and the daemon does not start over it.
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "net/result.h"

namespace isthmus::control {

struct StoredStatic {
  conf::Static binding;
  int line = 0;
};

/// No file: none.
Result<std::vector<StoredStatic>> read_statics(const std::string& path);
Status write_statics(const std::string& path, const std::vector<conf::Static>& bindings);

}  // namespace isthmus::control
