// SPDX-License-Identifier: BSD-3-Clause
// One change of a configuration, made in its text.
//
// Theory of operation. The text is the configuration: what is changed while the gateway runs is
// changed there, character by character, and then read and checked as any file. So checks exist
// once, what is saved is what was checked, and comments stay where they are.
#pragma once

#include <cstdint>
#include <string>

#include "net/result.h"

namespace isthmus::conf {

enum class EditKind : uint8_t {
  kSet,     ///< an option gets a value
  kAdd,     ///< a list gets an element, or an absent group is made
  kRemove,  ///< an option returns to its default; a value, element or group goes
};

struct Edit {
  EditKind kind = EditKind::kSet;
  std::string path;   ///< see conf/path.h
  std::string value;  ///< as in the file; quotes and brackets may be left out
};

/// `text` with the change. What comes out can be read, every value of its type, but is not checked.
/// Error: what was found and what was expected.
Result<std::string> edit_text(const std::string& text, const Edit& edit);

}  // namespace isthmus::conf
