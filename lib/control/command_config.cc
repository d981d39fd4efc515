// SPDX-License-Identifier: BSD-3-Clause
#include "control/command_config.h"

#include <set>

#include "conf/difference.h"
#include "conf/edit.h"
#include "conf/load.h"
#include "conf/option.h"
#include "conf/path.h"
#include "conf/read_file.h"
#include "control/config_file.h"
#include "control/json.h"

namespace isthmus::control {
namespace {

using ConfigPtr = std::shared_ptr<const conf::Config>;

// Values print in a syntax that JSON shares; elements do not, and are shown as text.
Json value_of(const std::string& text) {
  if (text.empty()) return Json();
  return text.starts_with('{') ? Json(text) : Json::parse(text, nullptr, false);
}

Json rows_of(const conf::Config& before, const conf::Config& after, const char* first = "before",
             const char* second = "after") {
  Json list = Json::array();
  for (const auto& d : conf::differences(before, after)) {
    list.push_back({{"option", d.path}, {first, value_of(d.before)}, {second, value_of(d.after)}});
  }
  return list;
}

std::string_view change_word(const conf::Option& option) {
  return option.change == conf::Change::kLive ? "live" : "restart";
}

Answer list_options(const conf::Config& config, bool all) {
  Json list = Json::array();
  for (const auto& value : conf::values(config)) {
    const auto normal = conf::default_text(*value.option);
    if (!all && value.text == normal) continue;
    list.push_back({{"option", value.path},
                    {"value", value_of(value.text)},
                    {"default", value_of(normal)},
                    {"unit", value.option->unit},
                    {"change", change_word(*value.option)}});
  }
  return answer({{"options", std::move(list)}});
}

Answer unreadable(const Error& error) {
  return failure(error.text, "correct it; \"show config --file\" is what runs");
}

Answer show_pending(const Session::Group& group) {
  const auto wanted = conf::read_text(group.text, group.base->file);
  if (!wanted) return unreadable(wanted.error());
  return answer({{"differences", rows_of(*group.base, **wanted)},
                 {"restart", conf::needs_restart(*group.base, **wanted)}});
}

Answer show_unsaved(const conf::Config& running) {
  const auto text = conf::read_file(running.file, kMaxConfigFile, "a configuration file");
  if (!text) return unreadable(text.error());
  const auto file = conf::read_text(*text, running.file);
  if (!file) return unreadable(file.error());
  return answer({{"differences", rows_of(**file, running, "file", "running")},
                 {"restart", conf::needs_restart(running, **file)}});
}

/// Options whose value is a file that the daemon opens.
bool names_file(const conf::Option& option) {
  const auto path = option.path;
  return option.field.type() == "string" && (path.ends_with("file") || path.ends_with(".path") ||
                                             path.ends_with(".hosts") || path.ends_with(".dnstap"));
}

/// Options naming a file that `before` does not name.
std::optional<std::string> new_file(const conf::Config& before, const conf::Config& after) {
  std::set<std::string> known;
  for (const auto& value : conf::values(before)) {
    if (names_file(*value.option)) known.insert(value.text);
  }
  for (const auto& value : conf::values(after)) {
    if (names_file(*value.option) && !known.contains(value.text)) return value.path;
  }
  return std::nullopt;
}

conf::Edit edit_of(const Request& request) {
  conf::Edit edit;
  edit.kind = request.command->action == Action::kSet   ? conf::EditKind::kSet
              : request.command->action == Action::kAdd ? conf::EditKind::kAdd
                                                        : conf::EditKind::kRemove;
  const auto words = split_words(request.rest);
  if (words.empty()) return edit;
  edit.path = words.front();
  if (words.size() == 1) return edit;
  const auto begin = static_cast<std::size_t>(words[1].data() - request.rest.data());
  edit.value = request.rest.substr(begin, request.rest.find_last_not_of(" \t") + 1 - begin);
  return edit;
}

/// The words of a type such as "one of "a", "b"".
std::vector<std::string> words_of_type(const std::string& type) {
  std::vector<std::string> out;
  if (type == "boolean") return {"true", "false"};
  for (std::size_t at = 0; (at = type.find('"', at)) != std::string::npos;) {
    const auto end = type.find('"', at + 1);
    if (end == std::string::npos) break;
    out.push_back(type.substr(at + 1, end - at - 1));
    at = end + 1;
  }
  return out;
}

}  // namespace

Answer show_config(Backend& backend, const Session& session, const Request& request) {
  const auto config = backend.config();
  if (request.file) {
    return answer(
        {{"file", config->file}, {"text", session.group ? session.group->text : config->text}});
  }
  if (request.part == "--diff") {
    return session.group ? show_pending(*session.group) : show_unsaved(*config);
  }
  return list_options(*config, request.part == "--defaults");
}

Answer change_config(Backend& backend, Session& session, const Request& request) {
  const auto edit = edit_of(request);
  if (edit.path.empty()) {
    return failure("no option named", "usage: " + usage(*request.command) +
                                          "; \"show config --defaults\" lists options");
  }
  const auto running = backend.config();
  const auto& old = session.group ? session.group->text : running->text;
  auto text = conf::edit_text(old, edit);
  if (!text)
    return failure(text.error().text, "nothing was changed; isthmus.conf(5) lists options");
  const auto before = conf::read_text(old, running->file);
  const auto after = conf::read_text(*text, running->file);
  if (!before || !after) return failure("the result cannot be read", "report this");
  if (const auto path = new_file(**before, **after); path && !session.may_name_files) {
    return failure(*path + " names a file, which only root may do",
                   "nothing was changed; run isthmusctl as root, or edit the configuration file");
  }
  auto rows = rows_of(**before, **after);
  if (session.group) {
    session.group->text = std::move(*text);
    return answer({{"pending", std::move(rows)}});
  }
  if (const auto done = backend.change(*text); !done) {
    return failure(done.error().text, "nothing was changed");
  }
  return answer({{"changed", std::move(rows)}});
}

Answer begin_group(Backend& backend, Session& session) {
  if (session.group) {
    return failure("a group is open already", "\"commit\" applies it, \"abort\" forgets it");
  }
  const auto config = backend.config();
  session.group = Session::Group{config, config->text, {}};
  return answer({{"group", "open"}});
}

Answer commit_group(Backend& backend, Session& session, const Request& request) {
  if (!session.group) return failure("no group is open", "\"begin\" opens one");
  auto& group = *session.group;
  if (!group.failure.empty() && request.part != "--anyway") {
    return failure("nothing was applied, because a line of this group failed: " + group.failure,
                   "\"show config --diff\" shows what is left: \"commit --anyway\" applies that, "
                   "\"abort\" forgets it");
  }
  if (group.base != backend.config()) {
    return failure("the configuration has changed otherwise since \"begin\"",
                   "nothing was applied; \"abort\", and begin again");
  }
  const auto wanted = conf::read_text(group.text, group.base->file);
  if (!wanted) return failure(wanted.error().text, "\"abort\", and begin again");
  auto rows = rows_of(*group.base, **wanted);
  if (const auto done = backend.change(group.text); !done) {
    return failure(done.error().text,
                   "nothing was applied; correct the group and commit again, or \"abort\"");
  }
  session.group.reset();
  return answer({{"changed", std::move(rows)}});
}

Answer abort_group(Session& session) {
  if (!session.group) return failure("no group is open", "\"begin\" opens one");
  session.group.reset();
  return answer({{"group", "aborted"}});
}

Answer save_config(Backend& backend, const Request& request) {
  SaveWish wish;
  for (const auto word : split_words(request.rest)) {
    if (word == "--force") {
      wish.force = true;
    } else if (wish.name.empty()) {
      wish.name = word;
    } else {
      return failure("more than one file", "usage: save [NAME.conf] [--force]");
    }
  }
  const auto config = backend.config();
  const auto saved = write_config(*config, backend.file_text(), wish);
  if (!saved) return failure(saved.error().text, "nothing was written");
  if (wish.name.empty()) backend.set_file_text(config->text);
  Json out{{"saved", saved->file}};
  if (!saved->previous.empty()) out["previous"] = saved->previous;
  uint64_t statics = 0;
  for (const auto& entry : backend.dataplane().statics()) statics += entry.configured ? 0 : 1;
  if (statics > 0) out["statics"] = statics;
  return answer(out);
}

Answer reload_config(Backend& backend) {
  const auto before = backend.config();
  if (const auto done = backend.reload(); !done) {
    return failure(done.error().text, "nothing was changed; correct the file and reload again");
  }
  Json out{{"reload", "done"}};
  auto rows = rows_of(*before, *backend.config());
  if (!rows.empty()) out["changed"] = std::move(rows);
  return answer(out);
}

void note_failure(Session& session, std::string_view line, const Complaint& complaint) {
  if (!session.group || !session.group->failure.empty()) return;
  session.group->failure = std::string(line) + ": " + complaint.error;
}

std::vector<std::string> complete_change(const conf::Config& config, std::string_view partial) {
  auto words = split_words(partial);
  std::string_view typing;
  if (!words.empty() && !partial.ends_with(' ') && !partial.ends_with('\t')) {
    typing = words.back();
    words.pop_back();
  }
  if (words.empty() || (words[0] != "set" && words[0] != "add" && words[0] != "remove")) return {};
  if (words.size() == 1) return conf::complete_path(config, typing);
  const auto target = conf::find_target(config, words[1]);
  if (words.size() != 2 || !target || target->option == nullptr || words[0] == "remove") return {};
  std::vector<std::string> out;
  for (auto& word : words_of_type(target->option->field.type())) {
    if (word.starts_with(typing)) out.push_back(std::move(word));
  }
  return out;
}

}  // namespace isthmus::control
