// SPDX-License-Identifier: BSD-3-Clause
// Puts settings into a configuration's text and takes them out, in the layout of their neighbors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "conf/outline.h"
#include "conf/path.h"

namespace isthmus::conf {

/// Where `steps` lead in the text; nullptr: it does not give that.
const Place* place_of(const Place& root, const std::vector<Target::Step>& steps);

/// `text` with `value`, as the file writes it, where `steps` lead; groups on the way are made.
Result<std::string> put_at(std::string_view text, const Place& root,
                           const std::vector<Target::Step>& steps, const std::string& value);
/// `text` with `values` at the end of a list.
std::string append_to(std::string_view text, const Place& list, const std::string& values);
/// `text` without `child` of `parent`. A comment behind it on its line goes along.
std::string erase_from(std::string_view text, const Place& parent, const Place& child);

}  // namespace isthmus::conf
